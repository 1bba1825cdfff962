// Random queries over devices and what they may meet: shared by the unit tests of shared/query and the fuzz on PostgreSQL.
import * as fc from 'fast-check'
import { operatorsOf, resolveField, type Field } from '../../shared/query/catalogue.ts'
import { deviceCatalogue, type DeclaredField } from '../../shared/query/device-catalogue.ts'
import type { Operator, Query, Test, Value } from '../../shared/query/query.ts'

export const DECLARED: readonly DeclaredField[] = (
  [
    ['attribute.site', 'text'],
    ['attribute.boot', 'version'],
    ['attribute.ram', 'number'],
    ['attribute.os.name', 'text'],
    ['shadow.reported.temp', 'number'],
    ['shadow.name.cfg.desired."a b".on', 'boolean'],
    ['shadow.reported.at', 'time'],
  ] as const
).map(([name, type], index) => ({ field: index + 1, name, type, ready: true }))

export const CATALOGUE = deviceCatalogue(DECLARED)

export const FIELD_PATHS: readonly (readonly string[])[] = [
  ['device_id'],
  ['hardware_rev'],
  ['firmware_ver'],
  ['status'],
  ['broker_endpoint'],
  ['cert_serial'],
  ['cert_expires'],
  ['provisioned_at'],
  ['last_seen'],
  ['connected'],
  ['group'],
  ['action', 'state'],
  ['action', 'release'],
  ['rollout', 'winter-2', '5'],
  ['rollout', '2'],
  ['attribute', 'unseen'],
  ['attribute', 'loose'],
  ['attribute', 'site'],
  ['attribute', 'boot'],
  ['attribute', 'ram'],
  ['attribute', 'os', 'name'],
  ['shadow', 'reported', 'temp'],
  ['shadow', 'name', 'cfg', 'desired', 'a b', 'on'],
  ['shadow', 'reported', 'at'],
]

export function fieldAt(path: readonly string[]): Field {
  const field = resolveField(CATALOGUE, path)
  if (typeof field !== 'object') throw new Error(`no field ${path.join('.')}`)
  return field
}

export const FIELDS: readonly Field[] = FIELD_PATHS.map(fieldAt)

export const NOW = new Date('2026-11-24T00:00:00Z')
const DAY_US = 86_400e6

export const TEXTS = [
  '', 'a', 'A', 'ab', 'a%b', 'a_b', 'a\\b', 'a*b', "it's", '"', '😀', '\uffee', 'eu-1', 'eu-10', 'true', '7', '7.0', '-0.5', '1e3', '2.10.0',
] // prettier-ignore
export const VERSIONS = [
  '2.4.0',
  'v2.5.0',
  '2.5',
  '2.5.0-rc.1',
  '2.5.0+b1',
  '2.10.0',
  'R12.3b',
  '1',
]
export const NAMES = ['canary', 'eu', 'a', 'winter-2.5', 'x.y']

/** Moments round now, where comparisons turn. */
export const moments: fc.Arbitrary<number> = fc.oneof(
  fc
    .constantFrom(0, 0, -1, 1, -7 * DAY_US, 30 * DAY_US)
    .map((offset) => NOW.getTime() * 1000 + offset),
  fc
    .integer({ min: -20 * DAY_US, max: 60 * DAY_US })
    .map((offset) => NOW.getTime() * 1000 + offset),
)

export const patterns: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('*', '?', '%', '_', '\\*', '\\', 'a', 'b', 'eu', '1', '😀', "'", '?'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join(''))

function valueOf({ values, type, source }: Field): fc.Arbitrary<Value> {
  if (values) return fc.constantFrom(...values)
  switch (type) {
    case 'number':
      return fc.oneof(fc.constantFrom(7, -0.5, 1000, 0), fc.integer({ min: 0, max: 99 }))
    case 'boolean':
      return fc.boolean()
    case 'time':
      return fc.oneof(
        moments.map((us) => ({ us })),
        fc.constantFrom(0, -7 * 86_400, 30 * 86_400, 90).map((seconds) => ({ seconds })),
        fc.integer({ min: -1_000_000, max: 0 }).map((seconds) => ({ seconds: seconds + 0 })),
      )
    case 'version':
      return fc.constantFrom(...VERSIONS, '')
    case 'text':
      return fc.constantFrom(
        ...(source.kind === 'group' || source.kind === 'action' ? NAMES : TEXTS),
      )
  }
}

function testOf(field: Field, operator: Operator): fc.Arbitrary<Test> {
  const negated = /[<>]/.test(operator) ? fc.constant(false) : fc.boolean()
  const one = operator === 'like' ? patterns : valueOf(field)
  const values = fc.array(one, { minLength: 1, maxLength: operator === 'in' ? 3 : 1 })
  const none = fc.constant<Value[]>([])
  return fc
    .tuple(negated, operator === 'exists' ? none : values)
    .map(([negation, list]) => ({ kind: 'test', field, operator, negated: negation, values: list }))
}

export const tests: fc.Arbitrary<Test> = fc
  .constantFrom(...FIELDS)
  .chain((field) => fc.constantFrom(...operatorsOf(field)).chain((each) => testOf(field, each)))

function chainOf(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const others = parts.filter((part) => part.kind !== kind)
  const [first = { kind: 'all' as const }] = others
  return others.length > 1 ? { kind, of: others } : first
}

/** Canonical trees: no chain in a chain of its kind. */
export function queries(depth = 3): fc.Arbitrary<Query> {
  if (depth === 0) return tests
  const inner = queries(depth - 1)
  const several = fc.array(inner, { minLength: 2, maxLength: 3 })
  return fc.oneof(
    tests,
    fc.constant<Query>({ kind: 'all' }),
    inner.map((of): Query => ({ kind: 'not', of })),
    several.map((parts) => chainOf('and', parts)),
    several.map((parts) => chainOf('or', parts)),
  )
}
