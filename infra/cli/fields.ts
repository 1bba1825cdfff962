import type { Json } from './api/client.ts'
import { UsageError } from './command/command.ts'

type Fields = Record<string, Json | undefined>

/** What is said of a thing: an empty text takes away, nothing said is a mistake. */
export function fields(given: Fields, command: readonly string[]): Record<string, Json> {
  const said: Record<string, Json> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) said[name] = value === '' ? null : value
  }
  if (Object.keys(said).length === 0) throw new UsageError('nothing to change is given', command)
  return said
}

/** `KEY=VALUE`, split at the first =. */
export function pair(text: string, command: readonly string[]): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`${text} is not KEY=VALUE`, command)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** Pairs whose values are texts; an empty one takes the key away. */
export function labels(pairs: readonly string[], command: readonly string[]): Record<string, Json> {
  const entries = pairs.map((each) => pair(each, command))
  return Object.fromEntries(entries.map(([key, value]) => [key, value === '' ? null : value]))
}

/** JSON where the text is some, else the text itself: `30`, `true`, `{"a":1}`, `eu-1`. A long number keeps its digits. */
export function jsonOrText(text: string): Json {
  try {
    const value = JSON.parse(text)
    const rounded = typeof value === 'number' && String(value) !== text
    return rounded ? Object(JSON.rawJSON(text)) : value
  } catch {
    return text
  }
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

/** `a.b=1` pairs as one document. */
export function documentOf(
  pairs: readonly string[],
  command: readonly string[],
): Record<string, Json> {
  const root: Record<string, Json> = {}
  for (const each of pairs) {
    const [key, value] = pair(each, command)
    const names = key.split('.')
    if (names.some((name) => name === '' || FORBIDDEN.has(name))) {
      throw new UsageError(`${key} is no path`, command)
    }
    place(root, names, jsonOrText(value), command)
  }
  return root
}

const isObject = (value: Json | undefined): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function place(
  root: Record<string, Json>,
  names: readonly string[],
  value: Json,
  command: readonly string[],
): void {
  let at = root
  for (const name of names.slice(0, -1)) {
    const next = (at[name] ??= {})
    if (!isObject(next)) throw new UsageError(`${names.join('.')} is set twice`, command)
    at = next
  }
  at[names.at(-1) ?? ''] = value
}
