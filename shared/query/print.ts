import type { Query, Test, Value } from './query.ts'
import { isInstant, isOffset, printInstant, printOffset } from './time.ts'

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A value as the canonical text has it. */
export function printValue(value: Value): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isOffset(value)) return printOffset(value)
  return isInstant(value) ? quote(printInstant(value.us).replace(/\.?0*Z$/, 'Z')) : ''
}

function printTest({ field, operator, negated, values }: Test): string {
  const [first = ''] = values
  if (operator === 'exists') return `${field.name} ${negated ? 'not exists' : 'exists'}`
  if (first === true && !negated) return field.name
  if (operator === 'in') {
    return `${field.name} ${negated ? 'not in' : 'in'} (${values.map(printValue).join(', ')})`
  }
  if (operator === '=') return `${field.name} ${negated ? '!=' : '='} ${printValue(first)}`
  return `${field.name} ${negated ? 'not ' : ''}${operator} ${printValue(first)}`
}

const isChain = (query: Query): boolean => query.kind === 'and' || query.kind === 'or'
const inside = (query: Query): string =>
  isChain(query) ? `(${printQuery(query)})` : printQuery(query)

/** The canonical text, stored and shown: it parses to the same query and prints as itself. */
export function printQuery(query: Query): string {
  if (query.kind === 'all') return 'all'
  if (query.kind === 'test') return printTest(query)
  if (query.kind === 'not') return `not ${inside(query.of)}`
  return query.of.map(inside).join(` ${query.kind} `)
}
