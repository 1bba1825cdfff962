import { readFile } from 'node:fs/promises'

/** Of this command: the version of the package that it came with. */
export async function commandVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const value: unknown = JSON.parse(text)
  const known = typeof value === 'object' && value !== null && 'version' in value
  return known && typeof value.version === 'string' ? value.version : 'unknown'
}
