import type { Source } from './catalogue.ts'
import { comparison, isOrder } from './comparison.ts'
import type { Scope } from './parameters.ts'
import { hasPrefix } from './pattern.ts'
import { textOf, type Operator, type Test } from './query.ts'

type ColumnSource = Extract<Source, { kind: 'column' }>

const FLIPPED = new Map<Operator, string>([
  ['=', '<>'],
  ['<', '>='],
  ['<=', '>'],
])

/**
 * A test of a column of `devices`. Negated it is the exact complement: flipped where the column is never null (so that an index still
 * serves it), else `is not true`; null never meets `not`.
 */
export function columnPredicate(
  test: Test,
  source: ColumnSource,
  positive: boolean,
  scope: Scope,
): string {
  const text = `d.${source.column}`
  const known = source.absent === '' ? withoutEmpty(test) : test
  if (known === undefined) return String(!positive)
  const columns = { text, time: text, ...(source.key !== undefined && { key: `d.${source.key}` }) }
  if (known.operator === 'exists') return presence(source, text, positive)
  const holds = `${comparison(known, columns, scope)}${restriction(known, source, text)}`
  if (positive) return holds.includes(' and ') ? `(${holds})` : holds
  const flipped = flip(known, source, holds)
  return flipped ?? `(${holds}) is not true`
}

/** '' stands for an absent value, so nothing equals it: undefined when no value is left. */
function withoutEmpty(test: Test): Test | undefined {
  if (test.operator !== '=' && test.operator !== 'in') return test
  const values = test.values.filter((value) => value !== '')
  return values.length === 0 ? undefined : { ...test, values }
}

function presence(source: ColumnSource, text: string, positive: boolean): string {
  if (source.nullable) return `${text} is ${positive ? 'not ' : ''}null`
  if (source.absent === undefined) return String(positive)
  return `${text} ${positive ? '<>' : '='} '${source.absent}'`
}

/** Keeps what stands for an absent value from matching. */
function restriction({ operator, values }: Test, source: ColumnSource, text: string): string {
  if (source.absent === 'infinity' && (operator === '>' || operator === '>=')) {
    return ` and ${text} < 'infinity'`
  }
  const empty = operator === 'like' && !hasPrefix(textOf(values[0]))
  return source.absent === '' && empty ? ` and ${text} <> ''` : ''
}

function flip(test: Test, source: ColumnSource, holds: string): string | undefined {
  const other = FLIPPED.get(test.operator)
  const byKey = isOrder(test.operator) && source.key !== undefined
  if (other === undefined || source.nullable || byKey) return undefined
  return holds.replace(` ${test.operator} `, ` ${other} `)
}
