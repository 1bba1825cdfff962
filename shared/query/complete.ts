import { DomainError } from '../errors.ts'
import { fieldNames, operatorsOf, resolveField, type Catalogue, type Field } from './catalogue.ts'
import { codePoints } from './fault.ts'
import { parseLocated } from './parse.ts'
import { printValue } from './print.ts'

export interface Completion {
  /** What the candidate replaces, in code points. */
  readonly at: number
  readonly end: number
  readonly candidates: readonly string[]
}

// A doubled quote closes and opens again, so an odd one is open.
const OPEN_QUOTE = /^[^']*(?:'[^']*'[^']*)*('[^']*)$/
const WORD = /[A-Za-z0-9_.$"*?:+~/@%-]*$/
const CANDIDATES_MAX = 50

function operators(field: Field): string[] {
  const signs = operatorsOf(field).flatMap((operator) => {
    if (operator === '=') return ['=', '!=']
    return operator === 'in' || operator === 'like' || operator === 'exists'
      ? [operator, `not ${operator}`]
      : [operator]
  })
  return field.type === 'boolean' ? [...signs, 'and', 'or'] : signs
}

function values(field: Field): string[] {
  if (field.values) return field.values.map(printValue)
  if (field.type === 'boolean') return ['true', 'false']
  return field.type === 'time' ? ['now', '1d ago', '7d ago', '30d from now'] : []
}

function fields(catalogue: Catalogue): string[] {
  const beginnings = [...catalogue.families.values()].flatMap((family) => family.beginnings)
  return [...fieldNames(catalogue), ...beginnings, 'not', 'all']
}

/** What may come after a text: the refusal at its end says so. */
function expectedAfter(head: string, catalogue: Catalogue): string[] {
  try {
    const { query } = parseLocated(head, catalogue)
    const open = query.kind === 'test' && query.field.type === 'boolean' && query.values[0] === true
    return open && head.trimEnd().endsWith(query.field.name)
      ? operators(query.field)
      : ['and', 'or']
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const { at, expected, field } = error.details
    if (at !== codePoints(head, head.trimEnd().length) && at !== codePoints(head, head.length)) {
      return []
    }
    const known = typeof field === 'string' ? fieldOf(field, catalogue) : undefined
    if (expected === 'field') return fields(catalogue)
    if (expected === 'operator' && known) return operators(known)
    if (expected === 'value' && known) return values(known)
    return expected === 'connective' ? ['and', 'or', ')'] : []
  }
}

function fieldOf(name: string, catalogue: Catalogue): Field | undefined {
  const path = [...name.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(
    ([plain, quoted]) => quoted?.replaceAll('""', '"') ?? plain,
  )
  const field = resolveField(catalogue, path)
  return typeof field === 'object' ? field : undefined
}

/** Completes the word before the cursor (a count of UTF-16 units, as an input field gives it). */
export function completeQuery(text: string, cursor: number, catalogue: Catalogue): Completion {
  const before = text.slice(0, cursor)
  const word = OPEN_QUOTE.exec(before)?.[1] ?? WORD.exec(before)?.[0] ?? ''
  const head = before.slice(0, before.length - word.length)
  const plain = word.replace(/^'/, '').toLowerCase()
  const candidates = expectedAfter(head, catalogue).filter(
    (candidate) =>
      candidate.replace(/^'/, '').toLowerCase().startsWith(plain) && candidate !== word,
  )
  return {
    at: codePoints(text, head.length),
    end: codePoints(text, before.length),
    candidates: candidates.slice(0, CANDIDATES_MAX),
  }
}
