import { operatorsOf, typeName } from './catalogue.ts'
import type { Catalogue, Field } from './catalogue.ts'
import { deviceCatalogue, type DeclaredField } from './device-catalogue.ts'
import { codePoints, shown, type Span } from './fault.ts'
import { parseField } from './parse-field.ts'
import { parseValue } from './parse-value.ts'
import { printQuery } from './print.ts'
import { LIMITS, levels, type Operator, type Query, type Test } from './query.ts'
import { Scanner } from './scanner.ts'

const SIGN = /!=|<>|<=|>=|==|=|<|>/y
// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\p{Surrogate}/u
/** Levels while reading: the canonical text has half, but `((x))` is allowed. */
const NESTING = LIMITS.levels * 2

/** A query with the place of each of its tests. */
export interface Located {
  readonly query: Query
  readonly spans: ReadonlyMap<Test, Span>
}

class Parser {
  readonly s: Scanner
  readonly catalogue: Catalogue
  readonly spans = new Map<Test, Span>()
  values = 0

  constructor(text: string, catalogue: Catalogue) {
    this.s = new Scanner(text)
    this.catalogue = catalogue
  }

  query(): Query {
    const query = this.or(0)
    if (!this.s.atEnd()) {
      const message = `Expected and, or, or the end but found ${this.s.found()}`
      this.s.fail('query.syntax', message, this.s.next(), { expected: 'connective' })
    }
    return query
  }

  or(depth: number): Query {
    return this.chain('or', () => this.chain('and', () => this.unary(depth)))
  }

  chain(kind: 'and' | 'or', next: () => Query): Query {
    const parts: Query[] = []
    do {
      const part = next()
      if (part.kind === kind) parts.push(...part.of)
      else parts.push(part)
    } while (this.s.keyword(kind))
    const [first] = parts
    return first !== undefined && parts.length === 1 ? first : { kind, of: parts }
  }

  unary(depth: number): Query {
    const at = this.s.here()
    if (depth > NESTING) this.limit(`More than ${NESTING} levels`, { at, end: at + 1 })
    if (this.s.keyword('not')) return { kind: 'not', of: this.unary(depth + 1) }
    if (this.s.keyword('all')) return { kind: 'all' }
    if (!this.s.symbol('(')) return this.test()
    const inner = this.or(depth + 1)
    if (!this.s.symbol(')')) {
      this.s.fail('query.syntax', `Expected ) but found ${this.s.found()}`, this.s.next(), {
        expected: 'connective',
        hint: `it closes the ( at column ${codePoints(this.s.text, at) + 1}`,
      })
    }
    return inner
  }

  test(): Test {
    const at = this.s.here()
    const field = parseField(this.s, this.catalogue)
    if (this.spans.size >= LIMITS.terms)
      this.limit(`More than ${LIMITS.terms} terms`, this.s.since(at))
    const test = this.condition(field)
    this.spans.set(test, this.s.since(at))
    return test
  }

  condition(field: Field): Test {
    const found = this.operator(field)
    // A boolean field alone says `= true`.
    if (!found) return { kind: 'test', field, operator: '=', negated: false, values: [true] }
    const { operator, negated } = found
    const test = { kind: 'test', field, operator, negated } as const
    if (operator === 'exists') return { ...test, values: [] }
    return { ...test, values: operator === 'in' ? this.list(field) : [this.value(field, operator)] }
  }

  /** Undefined: there is none, as a boolean field alone has. */
  operator(field: Field): { operator: Operator; negated: boolean } | undefined {
    const at = this.s.here()
    const sign = this.s.take(SIGN)
    const negated = sign === undefined ? this.s.keyword('not') : sign === '!=' || sign === '<>'
    const operator = sign === undefined ? this.word() : signOperator(sign)
    if (operator === undefined) {
      return !negated && field.type === 'boolean' ? undefined : this.noOperator(field)
    }
    const allowed = operatorsOf(field)
    if (!allowed.includes(operator)) {
      const message = `\`${sign ?? operator}\` does not apply to the ${typeName(field)} \`${field.name}\``
      const hint = `one of ${allowed.join(' ')}${orderingHint(field)}`
      const advice = { hint, expected: 'operator', field: field.name } as const
      this.s.fail('query.operator', message, this.s.since(at), advice)
    }
    return { operator, negated }
  }

  word(): Operator | undefined {
    return (['in', 'like', 'exists'] as const).find((word) => this.s.keyword(word))
  }

  noOperator(field: Field): never {
    const message = `Expected an operator after \`${shown(field.name)}\` but found ${this.s.found()}`
    return this.s.fail('query.syntax', message, this.s.next(), {
      expected: 'operator',
      field: field.name,
      hint: `one of ${operatorsOf(field).join(' ')}`,
    })
  }

  list(field: Field): Test['values'] {
    const open = this.s.next()
    if (!this.s.symbol('(')) {
      const message = `Expected ( after in but found ${this.s.found()}`
      this.s.fail('query.syntax', message, open, { field: field.name })
    }
    const values = [this.value(field, 'in')]
    while (this.s.symbol(',')) values.push(this.value(field, 'in'))
    if (!this.s.symbol(')')) {
      const message = `Expected , or ) but found ${this.s.found()}`
      this.s.fail('query.syntax', message, this.s.next(), { field: field.name })
    }
    return values
  }

  value(field: Field, operator: Operator): Test['values'][number] {
    if (++this.values > LIMITS.values)
      this.limit(`More than ${LIMITS.values} values`, this.s.next())
    return parseValue(this.s, field, operator)
  }

  limit(message: string, span: Span): never {
    return this.s.fail('query.limit', message, span)
  }
}

function signOperator(sign: string): Operator {
  switch (sign) {
    case '<':
    case '<=':
    case '>':
    case '>=':
      return sign
    default:
      return '='
  }
}

function orderingHint({ name, type, source }: Field): string {
  const ordered = source.kind === 'document' && type === 'text'
  return ordered ? `; to order it, declare it: muster index add ${name} --type number` : ''
}

/** Parses and types a query, keeping the place of each test. */
export function parseLocated(text: string, catalogue: Catalogue): Located {
  const parser = new Parser(text, catalogue)
  const whole = { at: 0, end: text.length }
  if (text.length > LIMITS.characters) {
    parser.limit(`More than ${LIMITS.characters} characters`, { ...whole, at: LIMITS.characters })
  }
  const bad = FORBIDDEN.exec(text)
  if (bad) {
    const span = { at: bad.index, end: bad.index + 1 }
    parser.s.fail('query.syntax', 'A control character or half a character', span)
  }
  const query = parser.query()
  if (levels(query) > LIMITS.levels) parser.limit(`More than ${LIMITS.levels} levels`, whole)
  if (printQuery(query).length > LIMITS.characters) {
    parser.limit(`More than ${LIMITS.characters} characters once quoted`, whole)
  }
  return { query, spans: parser.spans }
}

/** Parses a query over devices, or throws a DomainError `query.*` that says where and what instead. */
export function parseQuery(text: string, fields: readonly DeclaredField[]): Query {
  return parseLocated(text, deviceCatalogue(fields)).query
}
