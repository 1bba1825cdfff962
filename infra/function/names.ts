import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'

const Stack = z.object({ functions: z.record(z.string(), z.unknown()) })

/** Names of all functions, as `stack.yml` has them. */
export async function functionNames(): Promise<string[]> {
  const text = await readFile(new URL('../../stack.yml', import.meta.url), 'utf8')
  return Object.keys(Stack.parse(parse(text)).functions)
}
