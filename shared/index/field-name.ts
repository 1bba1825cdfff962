import { DomainError } from '../errors.ts'
import { printPath } from '../query/path.ts'

/** Where the values of a declared field lie. */
export type FieldPlace =
  | {
      readonly kind: 'shadow'
      /** '' is the classic shadow. */
      readonly shadow: string
      readonly section: 'desired' | 'reported'
      readonly path: readonly string[]
    }
  /** A flat key of the device's attributes. */
  | { readonly kind: 'attribute'; readonly key: string }

const NAME_CHARACTERS = 512
const LEVELS_MAX = 8
const FIRST = /^[A-Za-z_][A-Za-z0-9_-]*/
const PART = /\.([A-Za-z0-9_$-]+|"(?:[^"]|"")+")/y
const SHADOW_NAME = /^[$a-zA-Z0-9:_-]{1,64}$/

/** The parts of a field's name, quotes taken off; undefined when it is none. */
export function splitName(name: string): string[] | undefined {
  const [first] = FIRST.exec(name) ?? []
  if (first === undefined || name.length > NAME_CHARACTERS) return undefined
  const parts = [first]
  for (let at = first.length; at < name.length; at = PART.lastIndex) {
    PART.lastIndex = at
    const [, part] = PART.exec(name) ?? []
    if (part === undefined) return undefined
    parts.push(part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part)
  }
  return parts
}

/** Finds what a stored name of a field means; undefined for names that this version does not know. */
export function placeOf(name: string): FieldPlace | undefined {
  const [first, ...rest] = splitName(name) ?? []
  if (first === 'attribute') {
    return rest.length === 0 ? undefined : { kind: 'attribute', key: rest.join('.') }
  }
  if (first !== 'shadow') return undefined
  const named = rest[0] === 'name'
  const shadow = named ? (rest[1] ?? '') : ''
  if (named && !SHADOW_NAME.test(shadow)) return undefined
  const [section, ...path] = named ? rest.slice(2) : rest
  if (section !== 'desired' && section !== 'reported') return undefined
  return path.length === 0 || path.length > LEVELS_MAX
    ? undefined
    : { kind: 'shadow', shadow, section, path }
}

/**
 * The name as the fleet language prints it, which is what `fields` holds.
 * @throws {DomainError} index.invalid
 */
export function canonicalName(name: string): string {
  const place = placeOf(name)
  if (place === undefined || !name.isWellFormed()) throw new DomainError('index.invalid')
  if (place.kind === 'attribute') return printPath(['attribute', ...place.key.split('.')])
  return printPath(splitName(name) ?? [])
}
