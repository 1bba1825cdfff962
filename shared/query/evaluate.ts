import type { Field } from './catalogue.ts'
import { isOrder } from './comparison.ts'
import { matcher } from './pattern.ts'
import { textOf, type Operator, type Query, type Test } from './query.ts'
import { microseconds } from './time.ts'
import { compareText, versionKey } from './version.ts'

/** One value: its text; the number, or the microseconds of a time; the key of a version. */
export interface FieldValue {
  readonly t: string
  readonly n?: number | undefined
  readonly v?: string | undefined
}

/** A device as values of fields, by canonical name. An absent field has none, an array several. */
export type DeviceValues = ReadonlyMap<string, readonly FieldValue[]>

type Holds = (value: FieldValue) => boolean

/** Stands for a value that cannot be compared: it exists and equals nothing. */
const SEALED = '\u0001'

function ordered(operator: Operator, sign: number): boolean {
  if (operator === '<') return sign < 0
  if (operator === '<=') return sign <= 0
  return operator === '>' ? sign > 0 : sign >= 0
}

function order(test: Test, now: Date): Holds {
  const { operator, field } = test
  const [first = ''] = test.values
  if (field.type === 'version') {
    const key = versionKey(textOf(first))
    return ({ v }) => v !== undefined && ordered(operator, compareText(v, key))
  }
  const limit = field.type === 'time' ? microseconds(first, now) : Number(first)
  return ({ n }) => n !== undefined && ordered(operator, n - limit)
}

function holder(test: Test, now: Date): Holds {
  const { operator, values, field } = test
  if (operator === 'exists') return () => true
  if (isOrder(operator)) return order(test, now)
  if (operator === 'like') {
    const matches = matcher(textOf(values[0]))
    return ({ t }) => t !== SEALED && matches(t)
  }
  if (field.type === 'number') {
    const numbers = new Set(values.map(Number))
    return ({ n }) => n !== undefined && numbers.has(n)
  }
  const texts = new Set(values.map(textOf))
  return ({ t }) => texts.has(t)
}

const NOT_CONNECTED: readonly FieldValue[] = [{ t: 'false' }]

/** A flag that was never told is false. */
function valuesOf(device: DeviceValues, { name, source }: Field): readonly FieldValue[] {
  const values = device.get(name) ?? []
  return source.kind === 'flag' && values.length === 0 ? NOT_CONNECTED : values
}

/** Prepares a query for many devices at one moment: the same meaning as the SQL, in memory. */
export function evaluator(query: Query, now: Date): (device: DeviceValues) => boolean {
  if (query.kind === 'all') return () => true
  if (query.kind === 'test') {
    const holds = holder(query, now)
    return (device) => valuesOf(device, query.field).some(holds) !== query.negated
  }
  if (query.kind === 'not') {
    const of = evaluator(query.of, now)
    return (device) => !of(device)
  }
  const parts = query.of.map((part) => evaluator(part, now))
  if (query.kind === 'and') return (device) => parts.every((part) => part(device))
  return (device) => parts.some((part) => part(device))
}

/** Whether a device belongs to a query. */
export function evaluate(query: Query, device: DeviceValues, now: Date): boolean {
  return evaluator(query, now)(device)
}
