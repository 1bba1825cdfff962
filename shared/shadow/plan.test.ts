import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { DeviceId } from '../device-id.ts'
import type { Change, Changed } from './change.ts'
import { planShadow, type PlanContext } from './plan.ts'
import type { ShadowRow } from './queries.ts'
import { parseUpdate } from './request.ts'

const ID = DeviceId.parse('d1')
const MAX = 400

const EMPTY: ShadowRow = {
  device_id: ID,
  shadow: '',
  version: 0n,
  desired: null,
  reported: null,
  metadata: null,
  slot: null,
  delivery: null,
  tokens: null,
  retained: false,
}
const context = (at: number): PlanContext => ({
  at,
  maxBytes: MAX,
  deliveredSlot: 1,
  leaves: [],
  firmware: false,
  recalled: new Map(),
})

/** A request, or a removal, or a get. */
type Ask = { readonly state: unknown; readonly version?: number } | 'delete' | 'get'

let deliveries = 0n
function changeOf(ask: Ask): Change {
  const text = typeof ask === 'string' ? '' : JSON.stringify(ask)
  deliveries += 1n
  const base = { deviceId: ID, shadow: '', actor: 'device', text, packet: 1, dup: false, slot: 1 }
  if (typeof ask === 'string') {
    return { ...base, command: { kind: ask }, delivery: deliveries }
  }
  const { state, version } = parseUpdate(text)
  const more = version === undefined ? {} : { version }
  return {
    ...base,
    command: { kind: 'update', state, size: Buffer.byteLength(text), ...more },
    delivery: deliveries,
  }
}

// The rules once more, as plainly as they can be said: whole documents, copied at every step.
type Doc = Record<string, unknown>
interface Model {
  version: number
  exists: boolean
  desired?: Doc | undefined
  reported?: Doc | undefined
}

const isDoc = (value: unknown): value is Doc =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function stripped(value: unknown): unknown {
  if (value === null) return undefined
  if (!isDoc(value)) return value
  const kept = Object.entries(value).flatMap(([key, each]) => {
    const left = stripped(each)
    return left === undefined ? [] : [[key, left] as const]
  })
  const emptied = kept.length === 0 && Object.keys(value).length > 0
  return emptied ? undefined : Object.fromEntries(kept)
}

function merged(held: Doc, patch: Doc): Doc {
  const entries = new Map(Object.entries(held))
  for (const [key, value] of Object.entries(patch)) {
    const old = entries.get(key)
    const left = isDoc(value) && isDoc(old) ? merged(old, value) : stripped(value)
    if (left === undefined) entries.delete(key)
    else entries.set(key, left)
  }
  return Object.fromEntries(entries)
}

function section(held: Doc | undefined, sent: unknown): Doc | undefined {
  if (sent === undefined) return held
  if (!isDoc(sent)) return undefined
  const next = merged(held ?? {}, sent)
  return Object.keys(next).length === 0 ? undefined : next
}

const size = (doc: Doc | undefined) =>
  doc === undefined ? 0 : Buffer.byteLength(JSON.stringify(doc))

/** The next state, or the code of the refusal. */
function modelStep(model: Model, ask: Ask): Model | string {
  if (ask === 'get') return model.exists ? model : 'shadow.not_found'
  if (ask === 'delete') {
    return model.exists ? { version: model.version + 1, exists: false } : 'shadow.not_found'
  }
  const { version } = ask
  if (version !== undefined && (model.exists ? version !== model.version : version > 1)) {
    return 'shadow.version_conflict'
  }
  const state = isDoc(ask.state) ? ask.state : { desired: null, reported: null }
  const desired = section(model.desired, state['desired'])
  const reported = section(model.reported, state['reported'])
  if (size(desired) + size(reported) > MAX) return 'shadow.too_large'
  return { version: model.version + 1, exists: true, desired, reported }
}

const key = fc.constantFrom('a', 'b', 'timestamp', 'toString')
const value = fc.letrec<{ tree: unknown; doc: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom(null, 1, 2, 'x', true, '\u{1f600}'.repeat(20)),
    fc.array(fc.constantFrom(1, 'y', { z: 1 }), { maxLength: 2 }),
    tie('doc'),
  ),
  doc: fc.dictionary(key, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
}))
const sent = fc.oneof(
  { weight: 8, arbitrary: value.doc },
  { weight: 1, arbitrary: fc.constant(null) },
)
const ask: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record(
      {
        state: fc.oneof(
          {
            weight: 9,
            arbitrary: fc.record(
              { desired: sent, reported: sent },
              { requiredKeys: [], noNullPrototype: true },
            ),
          },
          { weight: 1, arbitrary: fc.constant(null) },
        ),
        version: fc.integer({ min: 0, max: 6 }),
      },
      { requiredKeys: ['state'], noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: fc.constant('delete' as const) },
  { weight: 1, arbitrary: fc.constant('get' as const) },
)

const codeOf = (changed: Changed | undefined): string =>
  changed?.kind === 'refused' ? changed.error.code : (changed?.kind ?? 'nothing')

/** The shadow's next row, as the database would have it. */
function nextRow(row: ShadowRow, plan: ReturnType<typeof planShadow>): ShadowRow {
  const { shadow } = plan
  if (shadow === undefined) return row
  assert.equal(shadow.expected, Number(row.version))
  return {
    ...row,
    version: BigInt(shadow.version),
    desired: shadow.desired,
    reported: shadow.reported,
    metadata: shadow.metadata,
    slot: 1,
    delivery: BigInt(shadow.delivery ?? '0'),
  }
}

function toldAfter(changed: Changed | undefined, told: unknown): unknown {
  if (changed?.kind !== 'applied') return told
  const { documents } = changed.notices
  if (documents === undefined) return null
  const { previous, current } = JSON.parse(documents)
  assert.deepEqual(previous, told)
  return current
}

function sameShape(state: unknown, times: unknown): void {
  if (isDoc(state)) {
    assert.ok(isDoc(times))
    assert.deepEqual(Object.keys(times).toSorted(), Object.keys(state).toSorted())
    for (const name of Object.keys(state)) sameShape(state[name], times[name])
  } else assert.equal(typeof times, 'number')
}

test('ok/any batches of any requests end where the plain rules do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(ask, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      (batches) => {
        let row = EMPTY
        let model: Model = { version: 0, exists: false }
        // What `documents` told last: the next one's `previous`, over all batches.
        let told: unknown = null
        for (const [index, batch] of batches.entries()) {
          const changes = batch.map(changeOf)
          const plan = planShadow(row, changes, context(100 + index))
          for (const [at, each] of batch.entries()) {
            const next = modelStep(model, each)
            const change = changes[at]
            const changed = change && plan.results.get(change)
            if (typeof next === 'string') assert.equal(codeOf(changed), next)
            else {
              assert.equal(codeOf(changed), each === 'get' ? 'answered' : 'applied')
              told = toldAfter(changed, told)
              model = next
            }
          }
          row = nextRow(row, plan)
          assert.equal(Number(row.version), model.version)
          assert.equal(row.metadata !== null, model.exists)
          assert.deepEqual(
            row.desired === null ? undefined : JSON.parse(row.desired),
            model.desired,
          )
          assert.deepEqual(
            row.reported === null ? undefined : JSON.parse(row.reported),
            model.reported,
          )
          const times = row.metadata === null ? {} : JSON.parse(row.metadata)
          sameShape(
            {
              ...(model.desired && { desired: model.desired }),
              ...(model.reported && { reported: model.reported }),
            },
            times,
          )
          assert.equal(
            plan.items.length,
            [...plan.results.values()].filter(({ kind }) => kind === 'applied').length,
          )
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('ok/notices are those of the version, in text', () => {
  fc.assert(
    fc.property(fc.array(ask, { minLength: 1, maxLength: 8 }), (asks) => {
      const changes = asks.map(changeOf)
      const plan = planShadow(EMPTY, changes, context(100))
      let model: Model = { version: 0, exists: false }
      for (const [at, each] of asks.entries()) {
        const change = changes[at]
        const changed = change && plan.results.get(change)
        const next = modelStep(model, each)
        if (typeof next === 'string' || each === 'get' || changed?.kind !== 'applied') continue
        const { documents, delta, accepted = '' } = changed.notices
        const told = JSON.parse(accepted)
        assert.equal(told.version, each === 'delete' ? model.version : next.version)
        if (each !== 'delete') {
          const { previous, current } = JSON.parse(documents ?? 'null')
          assert.equal(previous?.version, model.exists ? model.version : undefined)
          assert.deepEqual(
            [current.state.desired, current.state.reported],
            [next.desired, next.reported],
          )
          assert.equal(current.version, next.version)
          if (delta !== undefined) {
            const { state, metadata } = JSON.parse(delta)
            assert.deepEqual(Object.keys(metadata), Object.keys(state))
          }
        }
        model = next
      }
    }),
    { numRuns: 500 },
  )
})
