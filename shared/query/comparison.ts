import type { Scope } from './parameters.ts'
import { likePattern } from './pattern.ts'
import { textOf, type Operator, type Test, type Value } from './query.ts'
import { microseconds, printInstant } from './time.ts'
import { versionKey } from './version.ts'

/** The SQL expressions that hold one field's value. */
export interface Columns {
  readonly text: string
  readonly number?: string
  /** Version keys. */
  readonly key?: string
  /** A timestamptz; a time without it is microseconds in `number`. */
  readonly time?: string
}

export const isOrder = (operator: Operator): operator is '<' | '<=' | '>' | '>=' =>
  operator === '<' || operator === '<=' || operator === '>' || operator === '>='

/** One comparison of a value that is there; `exists` compares nothing. */
export function comparison(test: Test, columns: Columns, scope: Scope): string {
  const { field, operator, values } = test
  const [first = ''] = values
  if (operator === 'exists') return 'true'
  if (field.type === 'number') return numberComparison(test, columns, scope)
  if (field.type === 'time') return timeComparison(operator, first, columns, scope)
  const { parameters } = scope
  if (field.type === 'boolean') return `${columns.text} = ${parameters.bind(textOf(first), 'text')}`
  if (operator === 'in') return `${columns.text} = any(${parameters.bind(values, 'text[]')})`
  const text = textOf(first)
  if (operator === 'like') {
    return `${columns.text} like ${parameters.bind(likePattern(text), 'text')}`
  }
  if (operator === '=') return `${columns.text} = ${parameters.bind(text, 'text')}`
  return `${columns.key ?? columns.text} ${operator} ${parameters.bind(versionKey(text), 'text')}`
}

function numberComparison({ operator, values }: Test, columns: Columns, scope: Scope): string {
  const { parameters } = scope
  if (operator === 'in') return `${columns.number} = any(${parameters.bind(values, 'float8[]')})`
  return `${columns.number} ${operator} ${parameters.bind(values[0], 'float8')}`
}

function timeComparison(operator: Operator, value: Value, columns: Columns, scope: Scope): string {
  const us = microseconds(value, scope.now)
  if (columns.time === undefined) {
    return `${columns.number} ${operator} ${scope.parameters.bind(us, 'float8')}`
  }
  return `${columns.time} ${operator} ${scope.parameters.bind(printInstant(us), 'timestamptz')}`
}
