import path from 'node:path'
import { readPrivate, writePrivate } from './private-file.ts'

/** A server that `muster login` remembered. */
export interface Context {
  readonly server: string
  readonly ca?: string | undefined
  readonly token?: string | undefined
}

export interface Contexts {
  readonly current?: string | undefined
  readonly contexts: Readonly<Record<string, Context>>
}

type Environment = Readonly<Record<string, string | undefined>>

export function contextsFile(env: Environment): string {
  const home = env['XDG_CONFIG_HOME'] ?? path.join(env['HOME'] ?? '/', '.config')
  return path.join(home, 'muster', 'config.json')
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

function contextOf(value: unknown): Context | undefined {
  if (!isObject(value) || typeof value['server'] !== 'string') return undefined
  return { server: value['server'], ca: textOf(value['ca']), token: textOf(value['token']) }
}

/** What is remembered; nothing when the file is not there. */
export async function readContexts(env: Environment): Promise<Contexts> {
  const text = await readPrivate(contextsFile(env))
  if (text === undefined) return { contexts: {} }
  const value: unknown = JSON.parse(text)
  if (!isObject(value) || !isObject(value['contexts'])) return { contexts: {} }
  const contexts: Record<string, Context> = {}
  for (const [name, each] of Object.entries(value['contexts'])) {
    const context = contextOf(each)
    if (context) contexts[name] = context
  }
  return { current: textOf(value['current']), contexts }
}

export async function writeContexts(env: Environment, contexts: Contexts): Promise<void> {
  await writePrivate(contextsFile(env), `${JSON.stringify(contexts, undefined, 2)}\n`)
}
