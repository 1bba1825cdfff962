import type { Field } from './catalogue.ts'
import { shown } from './fault.ts'
import { LIMITS, type Operator, type Value } from './query.ts'
import type { Scanner } from './scanner.ts'
import { nearest } from './suggest.ts'
import { durationSeconds, isDurationInRange, parseInstant } from './time.ts'

const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y
const BARE = /[A-Za-z0-9_*?.:+~/@%-]+/y
const NUMBER = /^[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?$/i
const KEYWORD = /^(?:and|or|not|in|like|exists|all|now|ago|from)$/i
const TIME_EXAMPLES = "like 2026-01-31, '2026-01-31T12:00:00Z', now, 7d ago, 30d from now"

export const isKeyword = (text: string): boolean => KEYWORD.test(text)

function unquote(raw: string): string {
  const mark = raw.slice(0, 1)
  return raw.slice(1, -1).replaceAll(mark + mark, mark)
}

/** Reads the value of a test; the field's type decides what it may be, not its looks. */
export function parseValue(scanner: Scanner, field: Field, operator: Operator): Value {
  const at = scanner.here()
  const quoted = scanner.take(QUOTED)
  if (quoted !== undefined) {
    const text = unquote(quoted)
    return field.type === 'time'
      ? timeValue(scanner, field, text, at)
      : typedValue(scanner, field, operator, text, at)
  }
  const bare = scanner.take(BARE) ?? missing(scanner, field, at)
  if (field.type === 'time') {
    return relativeValue(scanner, field, bare, at) ?? timeValue(scanner, field, bare, at)
  }
  refuseBare(scanner, field, operator, bare, at)
  return typedValue(scanner, field, operator, bare, at)
}

function missing(scanner: Scanner, field: Field, at: number): never {
  const open = scanner.text[at] === "'" || scanner.text[at] === '"'
  const message = open
    ? 'The quote is never closed'
    : `Expected a value but found ${scanner.found()}`
  const span = open ? { at, end: scanner.text.length } : scanner.next()
  return scanner.fail('query.syntax', message, span, { expected: 'value', field: field.name })
}

/** Keywords and wildcards would be read otherwise than meant, so they need quotes. */
function refuseBare(s: Scanner, field: Field, operator: Operator, bare: string, at: number): void {
  if (isKeyword(bare)) {
    s.fail('query.syntax', `\`${bare}\` is a keyword`, s.since(at), {
      expected: 'value',
      field: field.name,
      hint: `quote it: '${bare}'`,
    })
  }
  if (operator !== 'like' && /[*?]/.test(bare)) {
    s.fail('query.syntax', '`*` and `?` have a meaning only after like', s.since(at), {
      field: field.name,
      hint: `write \`${field.name} like ${shown(bare)}\`, or quote it: '${shown(bare)}'`,
    })
  }
}

function typedValue(s: Scanner, field: Field, operator: Operator, text: string, at: number): Value {
  const wrong = (what: string, hint?: string): never =>
    s.fail('query.value', `\`${shown(text)}\` is not ${what}`, s.since(at), {
      expected: 'value',
      field: field.name,
      ...(hint !== undefined && { hint }),
    })
  if (field.values && !field.values.includes(text)) {
    const near = nearest(text, field.values)
    const hint =
      near === undefined ? `one of ${field.values.join(', ')}` : `did you mean '${near}'?`
    return wrong(`a value of \`${field.name}\``, hint)
  }
  if (field.type === 'boolean') {
    return text === 'true' || text === 'false' ? text === 'true' : wrong('true or false')
  }
  if (field.type === 'number') {
    const number = NUMBER.test(text) ? Number(text) : Number.NaN
    // -0 is 0: one canonical text.
    return Number.isFinite(number) ? number + 0 : wrong('a number')
  }
  checkLength(s, field, operator, text, at)
  return text
}

function checkLength(s: Scanner, field: Field, operator: Operator, text: string, at: number): void {
  if (operator === 'like' && text.length > LIMITS.pattern) {
    s.fail('query.limit', `A pattern of more than ${LIMITS.pattern} characters`, s.since(at))
  }
  if (field.type === 'version' && text.length > LIMITS.version) {
    s.fail('query.limit', `A version of more than ${LIMITS.version} characters`, s.since(at))
  }
}

function wrongTime(s: Scanner, field: Field, text: string, at: number): never {
  return s.fail('query.value', `\`${shown(text)}\` is not a time`, s.since(at), {
    expected: 'value',
    field: field.name,
    hint: TIME_EXAMPLES,
  })
}

function timeValue(scanner: Scanner, field: Field, text: string, at: number): Value {
  return parseInstant(text) ?? wrongTime(scanner, field, text, at)
}

/** `now`, or a duration with `ago` or `from now` behind it. */
function relativeValue(s: Scanner, field: Field, bare: string, at: number): Value | undefined {
  if (bare.toLowerCase() === 'now') return { seconds: 0 }
  const seconds = durationSeconds(bare)
  if (seconds === undefined) return undefined
  const ago = s.keyword('ago')
  if (!ago && !(s.keyword('from') && s.keyword('now'))) {
    s.fail('query.syntax', `Expected ago or from now but found ${s.found()}`, s.next(), {
      expected: 'value',
      field: field.name,
      hint: `write \`${bare} ago\` or \`${bare} from now\``,
    })
  }
  if (!isDurationInRange(seconds)) return wrongTime(s, field, bare, at)
  return { seconds: (ago ? -seconds : seconds) + 0 }
}
