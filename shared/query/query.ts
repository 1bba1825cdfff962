import type { Field } from './catalogue.ts'

export type FieldType = 'text' | 'version' | 'number' | 'boolean' | 'time'
export type Operator = '=' | '<' | '<=' | '>' | '>=' | 'in' | 'like' | 'exists'

/** A fixed moment, in microseconds of the Unix epoch. */
export interface Instant {
  readonly us: number
}

/** Seconds from the moment of evaluation; negative: ago. */
export interface Offset {
  readonly seconds: number
}

export type Value = string | number | boolean | Instant | Offset

export interface Test {
  readonly kind: 'test'
  readonly field: Field
  readonly operator: Operator
  readonly negated: boolean
  /** None for `exists`, several for `in`, else one. */
  readonly values: readonly Value[]
}

export interface All {
  readonly kind: 'all'
}

export interface Not {
  readonly kind: 'not'
  readonly of: Query
}

/** At least two parts, none of the same kind: chains are flat. */
export interface Chain {
  readonly kind: 'and' | 'or'
  readonly of: readonly Query[]
}

export type Query = Test | All | Not | Chain

export const LIMITS = {
  characters: 4096,
  terms: 100,
  values: 1000,
  levels: 16,
  pattern: 256,
  version: 128,
} as const

/** Text of a text, a number or a truth; times have none. */
export function textOf(value: Value | undefined): string {
  return value === undefined || typeof value === 'object' ? '' : String(value)
}

/** Levels of the tree: a term alone is one. */
export function levels(query: Query): number {
  if (query.kind === 'all' || query.kind === 'test') return 1
  return 1 + Math.max(...(query.kind === 'not' ? [query.of] : query.of).map(levels))
}
