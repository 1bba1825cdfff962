// The delivery protocol as an executable model: every interleaving of two connectors, an instance per call and a broker that
// redelivers, with a budget of faults. Each guard taken out is found. One device where all is explored, two in the random walk.
// Not modelled: batches, leases, the order of accepted, retained messages, a broker that forgot.
import assert from 'node:assert/strict'
import test from 'node:test'
import { explore, walk, type Finding } from '../model/explore.ts'
import { PROTOCOL, type Guards, type Scenario } from '../model/guards.ts'

const full = process.env['MUSTER_TEST_FULL'] === '1'

/** A device sends two updates without waiting. */
const pipelined: Scenario = { devices: [['u1', 'u2']], operator: [], faults: 2 }
/** An operator writes the same shadow over HTTP. */
const operator: Scenario = { devices: [['u1']], operator: [[0, 'w1']], faults: 2 }
const operators: Scenario = {
  devices: [['u1']],
  operator: [
    [0, 'w1'],
    [0, 'w2'],
  ],
  faults: 1,
}
const calm: Scenario = { devices: [['u1']], operator: [[0, 'w1']], faults: 0 }
const everything: Scenario = {
  devices: [
    ['u1', 'u2', 'u3'],
    ['a1', 'a2'],
  ],
  operator: [
    [0, 'w1'],
    [0, 'w2'],
    [1, 'w3'],
  ],
  faults: 6,
}

const show = ({ bad, trace }: Finding) => `${bad}\n${trace.join('\n')}`

for (const [name, scenario] of Object.entries({ pipelined, operator, operators }))
  test(`ok/protocol-holds/${name}`, () => {
    const finding = explore(PROTOCOL, scenario)
    assert.equal(finding.bad, '', show(finding))
    assert.ok(finding.states > 10_000)
  })

const FUNCTIONS: Partial<Guards> = { publisher: 'function' }

const MUTANTS: [string, Partial<Guards>, Scenario, RegExp][] = [
  ['acknowledged-before-the-commit', { ackAfter: false }, pipelined, /was lost/],
  ['no-outbox', { outbox: false }, pipelined, /never (answered|published)/],
  ['no-compare-and-set', { compareAndSet: false }, operator, /overwritten|twice|lost|not stored/],
  ['no-delivery-number-in-the-row', { deliveryNumber: false }, pipelined, /twice|overtook/],
  ['no-packet-identity', { packetIdentity: false }, pipelined, /twice/],
  [
    'packet-id-without-payload-ids-reused',
    { packetPayload: false, packetIds: 1 },
    pipelined,
    /was lost/,
  ],
  ['shared-subscription-dealt-out-in-turn', { oneSession: false }, pipelined, /overtook/],
  ['two-calls-of-a-device-at-once', { lanes: false }, pipelined, /overtook/],
  ['publishing-without-the-session', { fence: false }, operator, /went back/],
  ['old-calls-kept-after-a-takeover', { abandon: false }, operator, /went back/],
  ['no-open-delta-on-subscribe', { openOnSubscribe: false }, operator, /never got the open delta/],
  ['functions-publish', FUNCTIONS, operator, /went back/],
]

for (const [name, off, scenario, expected] of MUTANTS)
  test(`fail/mutant-is-found/${name}`, () => {
    const finding = explore({ ...PROTOCOL, ...off }, scenario)
    assert.match(finding.bad, expected)
    assert.ok(finding.trace.length > 0)
  })

// Where functions publish, deltas may go back: is at least the last one on the wire the right one?
const LAX: [string, Partial<Guards>, Scenario, RegExp][] = [
  ['old-deltas-repeated', { ...FUNCTIONS, renderNow: false }, calm, /stale/],
  ['repeated-from-the-state-now', FUNCTIONS, calm, /stale/],
  ['confirmed-after-puback-without-a-fault', { ...FUNCTIONS, confirm: true }, calm, /^$/],
  [
    'confirmed-after-puback-with-one-fault',
    { ...FUNCTIONS, confirm: true },
    { ...calm, faults: 1 },
    /stale/,
  ],
]

for (const [name, off, scenario, expected] of LAX)
  test(`fail/functions-publish/${name}`, () => {
    assert.match(explore({ ...PROTOCOL, ...off }, scenario, false).bad, expected)
  })

test('fail/remains/id-and-payload-equal-and-never-received', () => {
  const scenario: Scenario = {
    devices: [['u1', 'u2', 'u3']],
    operator: [],
    faults: 1,
    only: ['net'],
  }
  assert.match(explore({ ...PROTOCOL, packetIds: 2 }, scenario).bad, /u3 was lost/)
})

test('ok/random-walk', () => {
  const finding = walk(PROTOCOL, everything, full ? 20_000 : 4_000, 1)
  assert.equal(finding.bad, '', show(finding))
})
