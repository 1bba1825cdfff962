// Commands of the documentation, to be run as they stand there.
import { readFileSync } from 'node:fs'

/** Code blocks of one language under a heading of a document, in order. */
export function docBlocks(file: string, heading: string, language: string): readonly string[] {
  const text = readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8')
  const [, section] = text.split(`\n## ${heading}\n`)
  if (section === undefined) throw new Error(`${file} has no section ${heading}`)
  const [own = ''] = section.split('\n## ')
  return [...own.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, of]) => of === language)
    .map(([, , code]) => code ?? '')
}
