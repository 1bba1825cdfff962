import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CATALOGUE, DECLARED, queries } from '../../test/support/queries.ts'
import { DomainError } from '../errors.ts'
import { parseLocated, parseQuery } from './parse.ts'
import { printQuery } from './print.ts'

const refusal = (text: string): DomainError => {
  try {
    parseQuery(text, DECLARED)
  } catch (error) {
    if (error instanceof DomainError) return error
    throw error
  }
  throw new Error(`accepted: ${text}`)
}

const many = (count: number, word: string, between: string): string =>
  Array.from({ length: count }, () => word).join(between)

for (const [text, code, detail] of [
  [
    'firmware_version < 2',
    'query.unknown_field',
    'Unknown field `firmware_version` at column 1; did you mean `firmware_ver`?',
  ],
  [
    "status = 'activ'",
    'query.value',
    "`activ` is not a value of `status` at column 10; did you mean 'active'?",
  ],
  [
    'status = zzz',
    'query.value',
    '`zzz` is not a value of `status` at column 10; one of active, suspended, decommissioned',
  ],
  [
    'online',
    'query.unknown_field',
    'Unknown field `online` at column 1; did you mean `connected`?',
  ],
  ['constructor = 1', 'query.unknown_field', 'Unknown field `constructor` at column 1'],
  [
    'attribute.other < 5',
    'query.operator',
    '`<` does not apply to the text `attribute.other` at column 17; one of = in like exists; to order it, declare it: muster index add attribute.other --type number',
  ],
  [
    'attribute.site < 5',
    'query.operator',
    '`<` does not apply to the text `attribute.site` at column 16; one of = in like exists',
  ],
  [
    'status like a*',
    'query.operator',
    '`like` does not apply to the choice `status` at column 8; one of = in exists',
  ],
  [
    'cert_expires = now',
    'query.operator',
    '`=` does not apply to the time `cert_expires` at column 14; one of < <= > >= exists',
  ],
  [
    'shadow.reported.mode = x',
    'query.undeclared',
    'Field `shadow.reported.mode` is not searchable at column 1; declare it first: muster index add shadow.reported.mode --type number',
  ],
  ['shadow.reported = x', 'query.unknown_field', undefined],
  ['rollout.99999999999 = failed', 'query.unknown_field', undefined],
  [
    'device_id = eu-*',
    'query.syntax',
    "`*` and `?` have a meaning only after like at column 13; write `device_id like eu-*`, or quote it: 'eu-*'",
  ],
  ['device_id = and', 'query.syntax', "`and` is a keyword at column 13; quote it: 'and'"],
  [
    '(connected',
    'query.syntax',
    'Expected ) but found the end at column 11; it closes the ( at column 1',
  ],
  ['', 'query.syntax', 'Expected a field but found the end at column 1'],
  ['  ', 'query.syntax', 'Expected a field but found the end at column 3'],
  ['and', 'query.syntax', 'Expected a field but found the keyword `and` at column 1'],
  [
    'status = active status',
    'query.syntax',
    'Expected and, or, or the end but found `status` at column 17',
  ],
  ["device_id = 'x", 'query.syntax', 'The quote is never closed at column 13'],
  ['device_id = ', 'query.syntax', 'Expected a value but found the end at column 13'],
  [
    'device_id',
    'query.syntax',
    'Expected an operator after `device_id` but found the end at column 10; one of = in like exists',
  ],
  ['device_id in x', 'query.syntax', 'Expected ( after in but found `x` at column 14'],
  ['device_id in (x', 'query.syntax', 'Expected , or ) but found the end at column 16'],
  ['attribute.é = 1', 'query.syntax', 'Expected a name after the dot at column 11'],
  ['attribute."" = 1', 'query.syntax', 'Expected a name after the dot at column 11'],
  ["hardware_rev = '😀' and x = 1", 'query.unknown_field', 'Unknown field `x` at column 24'],
  [
    'last_seen < 7d',
    'query.syntax',
    'Expected ago or from now but found the end at column 15; write `7d ago` or `7d from now`',
  ],
  ['last_seen < 7 days ago', 'query.value', undefined],
  ['last_seen > 2026-02-30', 'query.value', undefined],
  ['last_seen > 2026-01-31T12:00:00', 'query.value', undefined],
  ['last_seen > 0001-01-01', 'query.value', undefined],
  ['last_seen < 999999w ago', 'query.value', undefined],
  ['attribute.ram > 1e999', 'query.value', undefined],
  ['attribute.ram = 0x10', 'query.value', undefined],
  ['connected = yes', 'query.value', '`yes` is not true or false at column 13'],
  ['status = \u0000', 'query.syntax', 'A control character or half a character at column 10'],
  [
    "hardware_rev = '\ud800'",
    'query.syntax',
    'A control character or half a character at column 17',
  ],
  ['('.repeat(40), 'query.limit', undefined],
  [`${'not '.repeat(20)}all`, 'query.limit', 'More than 16 levels at column 1'],
  [`device_id in (${'x,'.repeat(1000)}x)`, 'query.limit', 'More than 1000 values at column 2015'],
  [many(101, 'connected', ' or '), 'query.limit', undefined],
  ['x'.repeat(4097), 'query.limit', undefined],
  [
    `device_id in (${many(900, 'x', ',')}, '${'x'.repeat(2000)}')`,
    'query.limit',
    'More than 4096 characters once quoted at column 1',
  ],
  [`device_id like '${'x'.repeat(257)}'`, 'query.limit', undefined],
  [`firmware_ver = '${'1'.repeat(129)}'`, 'query.limit', undefined],
] as const) /* prettier-ignore */ {
  test(`fail/${text.slice(0, 50)}`, () => {
    const error = refusal(text)
    assert.equal(error.code, code)
    if (detail !== undefined) assert.equal(error.details['detail'], detail)
  })
}

test('fail/index-not-ready', () => {
  const building = [{ field: 1, name: 'shadow.reported.t', type: 'number', ready: false }] as const
  assert.throws(() => parseQuery('shadow.reported.t = 1', building), { code: 'query.undeclared' })
})

test('fail/details-say-what-fits', () => {
  const { at, end, expected, field, hint } = refusal("status = 'activ'").details
  assert.deepEqual(
    { at, end, expected, field, hint },
    { at: 9, end: 16, expected: 'value', field: 'status', hint: "did you mean 'active'?" },
  )
})

for (const [text, canonical] of [
  ["firmware_ver < '2.5.0' AND status = 'active'", "firmware_ver < '2.5.0' and status = 'active'"],
  ['firmware_ver < 2.5.0 and status = active', "firmware_ver < '2.5.0' and status = 'active'"],
  [
    'not connected or (connected and last_seen<1w1d ago)',
    'not connected or (connected and last_seen < 8d ago)',
  ],
  [
    'cert_expires <= 30d from now and group not in (eu, "it\'s")',
    "cert_expires <= 30d from now and group not in ('eu', 'it''s')",
  ],
  [
    'attribute.os.name like Deb* and attribute."site" not exists',
    "attribute.os.name like 'Deb*' and attribute.site not exists",
  ],
  [
    'shadow.name.cfg.desired."a b".on and rollout.winter-2.5 <> failed',
    'shadow.name.cfg.desired."a b".on and rollout.winter-2.5 != \'failed\'',
  ],
  [
    "provisioned_at >= '2026-01-31T12:00:00.5+02:00' and ((not (all)))",
    "provisioned_at >= '2026-01-31T10:00:00.5Z' and not all",
  ],
  [
    'status == active or status = suspended or connected',
    "status = 'active' or status = 'suspended' or connected",
  ],
  [
    '(status = active or connected) or not (connected and all)',
    "status = 'active' or connected or not (connected and all)",
  ],
  ['last_seen < NOW', 'last_seen < now'],
  ['last_seen < 0s ago', 'last_seen < now'],
  ['last_seen >= 2026-01-31', "last_seen >= '2026-01-31T00:00:00Z'"],
  ['attribute.ram = -0 or attribute.ram > 1e3', 'attribute.ram = 0 or attribute.ram > 1000'],
  ['connected = false', 'connected = false'],
  ['connected != true', 'connected != true'],
  ["device_id like 'a\\*'", "device_id like 'a\\*'"],
  ['action.state in (failed, timed_out)', "action.state in ('failed', 'timed_out')"],
  ['\tall\r\n', 'all'],
] as const) /* prettier-ignore */ {
  test(`ok/${text}`, () => {
    const query = parseQuery(text, DECLARED)
    assert.equal(printQuery(query), canonical)
    assert.deepEqual(parseQuery(canonical, DECLARED), query)
  })
}

test('ok/print-then-parse-is-the-same-query', () => {
  fc.assert(
    fc.property(queries(), (query) => {
      const text = printQuery(query)
      const back = parseQuery(text, DECLARED)
      assert.deepEqual(back, query)
      assert.equal(printQuery(back), text)
    }),
    { numRuns: 2_000 },
  )
})

const WORDS = [
  "'", '"', '(', ')', ' ', ' and ', ' or ', ' not ', 'status', '=', '!=', '<', 'active', 'in', 'like', ' exists', 'all', ',', '.', 'attribute.',
  '7d', ' ago', 'now', '*', '\\', '😀', '\ud800', '\u0000', '%', '-1', 'connected', 'firmware_ver', '2.5', 'shadow.', 'rollout.', 'last_seen',
] // prettier-ignore

test('ok/random-strings-never-crash-and-errors-have-a-place', () => {
  const anything = fc.oneof(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 14 }).map((words) => words.join('')),
    fc.array(fc.constantFrom(...WORDS), { maxLength: 14 }).map((words) => words.join(' ')),
    fc.string({ unit: 'binary', maxLength: 40 }),
  )
  fc.assert(
    fc.property(anything, (text) => {
      try {
        const { query } = parseLocated(text, CATALOGUE)
        assert.deepEqual(parseQuery(printQuery(query), DECLARED), query)
      } catch (error) {
        assert.ok(error instanceof DomainError, String(error))
        const { at, end, detail } = error.details
        const length = Array.from(text).length
        assert.ok(typeof at === 'number' && typeof end === 'number' && typeof detail === 'string')
        assert.ok(at >= 0 && at <= end && at <= length, `${at} to ${end} of ${length}`)
        assert.match(detail, new RegExp(`at column ${at + 1}(;|$)`))
      }
    }),
    { numRuns: 20_000 },
  )
})
