import { parseInstant, printInstant } from '../query/time.ts'
import { versionKey } from '../query/version.ts'

export const FIELD_TYPES = ['text', 'number', 'version', 'boolean', 'time'] as const
export type FieldType = (typeof FIELD_TYPES)[number]

/** One searchable value of a declared leaf, as `device_facts` holds it. */
export interface Fact {
  readonly t: string
  /** Numbers; of a time its microseconds. */
  readonly n: number | null
  /** Sorting key of a version. */
  readonly v: string | null
}

/** What cannot be compared: it exists and equals nothing, since no query can write this character. */
export const SEALED = '\u0001'
const TEXT_BYTES = 1024
const VERSION_CHARACTERS = 128

const sealed: Fact = { t: SEALED, n: null, v: null }

/** The facts of a leaf: none when it is absent, several of an array, each said once. */
export function factsOf(type: FieldType, value: unknown): Fact[] {
  if (value === undefined || value === null) return []
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const facts = new Map<string, Fact>()
  for (const each of values) {
    const fact = factOf(type, each)
    facts.set(fact.t, fact)
  }
  return [...facts.values()]
}

function factOf(type: FieldType, value: unknown): Fact {
  switch (type) {
    case 'text':
      return textFact(value, null)
    case 'version':
      return versionFact(value)
    case 'number':
      return numberFact(value)
    case 'boolean':
      return typeof value === 'boolean' ? { t: String(value), n: null, v: null } : sealed
    case 'time':
      return timeFact(value)
  }
}

const isStorable = (value: string): boolean =>
  value.isWellFormed() && !value.includes('\0') && Buffer.byteLength(value) <= TEXT_BYTES

function textFact(value: unknown, v: string | null): Fact {
  return typeof value === 'string' && isStorable(value) ? { t: value, n: null, v } : sealed
}

function versionFact(value: unknown): Fact {
  if (typeof value !== 'string' || value === '' || value.length > VERSION_CHARACTERS) return sealed
  return textFact(value, isStorable(value) ? versionKey(value) : null)
}

// A bigint is found as the nearest double, which is what a query's number is.
function numberFact(value: unknown): Fact {
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) return sealed
  return { t: String(number), n: number, v: null }
}

function timeFact(value: unknown): Fact {
  const instant = typeof value === 'string' ? parseInstant(value) : undefined
  return instant ? { t: printInstant(instant.us), n: instant.us, v: null } : sealed
}

/** Whether a value can be what a device says it runs. */
export function isFirmwareVersion(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= VERSION_CHARACTERS &&
    isStorable(value)
  )
}
