// node infra/build/stack.ts [FILE]: checks stack.yml, a line for each fault. With --write it writes stack.schema.json anew.
import { readFile, writeFile } from 'node:fs/promises'
import { stackFaults, stackSchema } from './stack-file.ts'

const ROOT = new URL('../../', import.meta.url)

const words = process.argv.slice(2)
const file = words.find((word) => !word.startsWith('--'))
if (words.includes('--write'))
  await writeFile(new URL('infra/build/stack.schema.json', ROOT), stackSchema())
const faults = stackFaults(await readFile(file ?? new URL('stack.yml', ROOT), 'utf8'))
for (const fault of faults) process.stderr.write(`stack: ${fault}\n`)
process.exitCode = faults.length > 0 ? 1 : 0
