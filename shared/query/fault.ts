import { DomainError } from '../errors.ts'

export type FaultCode =
  | 'query.syntax'
  | 'query.unknown_field'
  | 'query.undeclared'
  | 'query.operator'
  | 'query.value'
  | 'query.limit'

/** What would fit where the fault is: completion reads it. */
export type Expected = 'field' | 'operator' | 'value' | 'connective'

/** Where in the text, in UTF-16 units. */
export interface Span {
  readonly at: number
  readonly end: number
}

export interface Advice {
  readonly hint?: string
  readonly expected?: Expected
  /** The field whose operator or value is at fault, by its canonical name. */
  readonly field?: string
}

/** Characters of foreign text that a message shows at most. */
const SHOWN = 80

export const shown = (text: string): string => Array.from(text).slice(0, SHOWN).join('')

/** Offset in code points, which is how people and other languages count. */
export function codePoints(text: string, offset: number): number {
  return Array.from(text.slice(0, offset)).length
}

/**
 * A refusal that says where: `at` and `end` count code points from 0, the column in `detail` from 1.
 */
export function queryFault(
  text: string,
  code: FaultCode,
  message: string,
  span: Span,
  advice: Advice = {},
): DomainError {
  const at = codePoints(text, span.at)
  const end = Math.max(at, codePoints(text, span.end))
  const hint = advice.hint === undefined ? '' : `; ${advice.hint}`
  return new DomainError(code, {
    detail: `${message} at column ${at + 1}${hint}`,
    at,
    end,
    ...advice,
  })
}
