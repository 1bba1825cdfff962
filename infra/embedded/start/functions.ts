import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'

const Stack = z.object({ functions: z.record(z.string(), z.unknown()) })
const ROOT = new URL('../../../', import.meta.url)

/** Names of all functions, as `stack.yml` has them. */
export async function functionNames(): Promise<string[]> {
  const text = await readFile(new URL('stack.yml', ROOT), 'utf8')
  const names = Object.keys(Stack.parse(parse(text)).functions)
  return names.filter((name) => existsSync(new URL(`functions/${name}/handler.ts`, ROOT)))
}

/** Reads the functions' code while the database starts; whoever mounts them finds it read. */
export async function preload(names: readonly string[]): Promise<void> {
  await Promise.allSettled(
    names.map((name) => import(new URL(`functions/${name}/handler.ts`, ROOT).href)),
  )
}
