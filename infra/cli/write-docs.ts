// node infra/cli/write-docs.ts writes docs/cli.md; a test compares.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { document } from './command/document.ts'
import { TREE } from './tree.ts'

export const DOCS = fileURLToPath(new URL('../../docs/cli.md', import.meta.url))

/** What stands above the tables, and what they say. */
export async function docsText(): Promise<string> {
  const preface = await readFile(new URL('preface.md', import.meta.url), 'utf8')
  return document(TREE, preface)
}

if (import.meta.main) await writeFile(DOCS, await docsText())
