// The fleet query language on a real PostgreSQL: the same meaning in SQL and in memory, over random devices and queries.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { DomainError } from '../../shared/errors.ts'
import { operatorsOf } from '../../shared/query/catalogue.ts'
import { compileCount, compilePage, compileSelect } from '../../shared/query/compile.ts'
import type { Compiled, PageRow } from '../../shared/query/compile.ts'
import { evaluator } from '../../shared/query/evaluate.ts'
import { parseQuery } from '../../shared/query/parse.ts'
import { likePattern, matcher } from '../../shared/query/pattern.ts'
import { printQuery } from '../../shared/query/print.ts'
import type { Query, Test, Value } from '../../shared/query/query.ts'
import { runQuery } from '../../shared/query/run.ts'
import { compareText, versionKey } from '../../shared/query/version.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { DECLARED, FIELDS, NOW, patterns, queries } from '../support/queries.ts'
import { fleet, storeFleet, valuesOf, type FleetDevice } from '../support/fleet.ts'

const DEVICES = 2_000
const QUERIES = 400
const seed = Number(process.env['MUSTER_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** What chance meets seldom: patterns that meet values which equal nothing, and absent values. */
const FIXED = [
  'attribute.site like *',
  'attribute.site like ?',
  'attribute.site not like *',
  'attribute.loose like *',
  'attribute.loose like ?*',
  'attribute.loose not like *',
  'attribute.boot like *',
  'hardware_rev like *',
  'hardware_rev not like *',
  'group like *',
  'group not like *',
  "attribute.site = ''",
  "hardware_rev in ('', a)",
  'cert_expires >= now',
  'not cert_expires >= now',
  'rollout.2 in (scheduled, failed, offered)',
  'rollout.winter-2.5 not exists',
]

let clone: TestDatabase
let db: Database
let devices: FleetDevice[]

before(async () => {
  clone = await cloneDatabase()
  db = clone.db
  devices = fc.sample(fleet(DEVICES), { numRuns: 1, seed })[0] ?? []
  await storeFleet(db, devices)
})
after(() => clone[Symbol.asyncDispose]())

const run = <R>({ label, text, values }: Compiled): Promise<R[]> =>
  db.unnamed<R>(label, text, values)

const idsOf = async (compiled: Compiled): Promise<string[]> =>
  (await run<{ device_id: string }>(compiled)).map(({ device_id }) => device_id)

test(`ok/sql-and-memory-agree seed ${seed}`, async (t) => {
  const known = devices.map((device) => ({ id: device.device_id, values: valuesOf(device) }))
  known.sort((a, b) => compareText(a.id, b.id))
  let selected = 0
  const fixed = FIXED.map((text) => parseQuery(text, DECLARED))
  const random = fc.sample(queries(), { numRuns: QUERIES, seed })
  for (const [index, query] of [...fixed, ...random].entries()) {
    const text = printQuery(query)
    assert.deepEqual(parseQuery(text, DECLARED), query, text)
    const from = index % 3 === 0 ? undefined : known[index * 4]?.id
    const compiled = compileSelect(query, { now: NOW, after: from, limit: DEVICES })
    const holds = evaluator(query, NOW)
    const memory = known.filter(
      ({ id, values }) => holds(values) && (from === undefined || compareText(id, from) > 0),
    )
    const hint = `${text}\n${compiled.text}\n${JSON.stringify(compiled.values)}`
    assert.deepEqual(
      await idsOf(compiled),
      memory.map(({ id }) => id),
      hint,
    )
    selected += memory.length
    if (index % 10 > 0) continue
    const [counted] = await run<{ count: bigint }>(compileCount(query, { now: NOW }))
    const all = known.filter(({ values }) => holds(values)).length
    assert.equal(counted?.count, BigInt(all), hint)
    const [capped] = await run<{ count: bigint }>(compileCount(query, { now: NOW, cap: 10 }))
    assert.equal(capped?.count, BigInt(Math.min(all, 10)), hint)
  }
  t.diagnostic(`seed ${seed}: ${Math.round(selected / QUERIES)} of ${DEVICES} selected on average`)
})

test('ok/each-device-is-in-q-or-in-not-q', async () => {
  for (const query of fc.sample(queries(2), { numRuns: 60, seed })) {
    const not: Query = { kind: 'not', of: query }
    const [yes] = await run<{ count: bigint }>(compileCount(query, { now: NOW }))
    const [no] = await run<{ count: bigint }>(compileCount(not, { now: NOW }))
    assert.equal((yes?.count ?? 0n) + (no?.count ?? 0n), BigInt(DEVICES), printQuery(query))
  }
})

for (const sort of ['device_id', 'cert_expires', 'last_seen', 'provisioned_at'] as const) {
  for (const descending of [false, true]) {
    test(`ok/pages-meet-without-gap-or-repetition ${descending ? '-' : ''}${sort}`, async () => {
      const query = parseQuery('status = active and attribute.ram != 7', DECLARED)
      const [counted] = await run<{ count: bigint }>(compileCount(query, { now: NOW }))
      const found: string[] = []
      let last: PageRow | undefined
      do {
        const from = last && { deviceId: last.device_id, sortValue: last.sort_value ?? undefined }
        const page = compilePage(query, { now: NOW, limit: 97, sort, descending, after: from })
        const rows = await run<PageRow>(page)
        found.push(...rows.map(({ device_id }) => device_id))
        last = rows.at(-1)
      } while (last !== undefined)
      assert.equal(new Set(found).size, found.length)
      assert.equal(BigInt(found.length), counted?.count)
      if (sort === 'device_id') {
        const order = found.toSorted(compareText)
        assert.deepEqual(found, descending ? order.toReversed() : order)
      }
    })
  }
}

const SAMPLES: Record<string, Value> = {
  number: 1,
  boolean: true,
  version: '1.2',
  text: 'x*',
  time: { seconds: -5 },
}

test('ok/every-source-operator-and-polarity-prepares', async () => {
  let prepared = 0
  for (const field of FIELDS) {
    for (const operator of operatorsOf(field)) {
      for (const negated of [false, true]) {
        const value = field.values?.[0] ?? SAMPLES[field.type] ?? ''
        const values = operator === 'exists' ? [] : [value]
        const one: Test = { kind: 'test', field, operator, negated, values }
        const not: Query = { kind: 'not', of: one }
        for (const query of [one, not]) {
          for (const from of [undefined, 'a']) {
            await run(compileSelect(query, { now: NOW, after: from, limit: 1 }))
            const page = {
              now: NOW,
              limit: 1,
              after: from === undefined ? from : { deviceId: from },
            }
            await run(compilePage(query, page))
          }
          await run(compileCount(query, { now: NOW }))
          prepared++
        }
      }
    }
  }
  assert.ok(prepared > 300, String(prepared))
})

test('fail/too-slow-names-what-has-no-index', async () => {
  const joint = clone.url.includes('?') ? '&' : '?'
  const url = `${clone.url}${joint}options=${encodeURIComponent('-c statement_timeout=1')}`
  await using hurried = openDatabase({ url })
  const query = parseQuery("attribute.loose like '*x*' and status = active", DECLARED)
  await assert.rejects(runQuery(hurried, query, compileCount(query, { now: NOW })), (error) => {
    assert.ok(error instanceof DomainError)
    assert.equal(error.code, 'query.too_slow')
    return true
  })
  // Those that gave up make room for the next ones: five of them, two at once, all end.
  const compiled = compileCount(query, { now: NOW })
  const five = Array.from({ length: 5 }, () => runQuery(hurried, query, compiled))
  for (const { status } of await Promise.allSettled(five)) assert.equal(status, 'rejected')
})

test('ok/version-keys-equal-on-odd-strings', async () => {
  const parts = [
    '0',
    '1',
    '9',
    '.',
    '-',
    '+',
    'v',
    'V',
    'R',
    'a',
    'é',
    '😀',
    '\n',
    '00',
    '10',
    '.0',
    '.00',
    '9'.repeat(89),
    '9'.repeat(95),
  ]
  const odd = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((each) => each.join(''))
  const texts = fc.sample(odd, { numRuns: 10_000, seed })
  const rows = await db.unnamed<{ key: string }>(
    'test_version_key',
    'select version_key(x) as key from unnest($1::text[]) with ordinality u(x, i) order by i',
    [texts],
  )
  for (const [i, text] of texts.entries())
    assert.equal(versionKey(text), rows[i]?.key, JSON.stringify(text))
  const sorted = await db.unnamed<{ x: string }>(
    'test_sort',
    'select x from unnest($1::text[]) x order by x collate "C"',
    [texts],
  )
  assert.deepEqual(
    sorted.map(({ x }) => x),
    texts.toSorted(compareText),
  )
})

test('ok/patterns-equal-in-sql-and-memory', async () => {
  const texts = fc.array(fc.constantFrom('a', 'b', '%', '_', '*', '?', '\\', '1', '😀', 'eu'), {
    maxLength: 4,
  })
  const pairs = fc.sample(
    fc.tuple(
      patterns,
      texts.map((parts) => parts.join('')),
    ),
    { numRuns: 10_000, seed },
  )
  const rows = await db.unnamed<{ yes: boolean }>(
    'test_like',
    'select t like p as yes from unnest($1::text[], $2::text[]) with ordinality u(p, t, i) order by i',
    [pairs.map(([pattern]) => likePattern(pattern)), pairs.map(([, text]) => text)],
  )
  for (const [i, [pattern, text]] of pairs.entries()) {
    assert.equal(matcher(pattern)(text), rows[i]?.yes, JSON.stringify([pattern, text]))
  }
})
