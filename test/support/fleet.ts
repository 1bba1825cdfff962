// Random devices with everything a query can ask of them, in the tables and in memory.
import * as fc from 'fast-check'
import type { Database } from '../../shared/db/database.ts'
import type { DeviceValues, FieldValue } from '../../shared/query/evaluate.ts'
import { printInstant } from '../../shared/query/time.ts'
import { versionKey } from '../../shared/query/version.ts'
import { DECLARED, NAMES, TEXTS, VERSIONS, moments } from './queries.ts'

export interface Fact extends FieldValue {
  readonly name: string
  readonly field: number
}

export interface FleetDevice {
  readonly device_id: string
  readonly hardware_rev: string
  readonly firmware_ver: string
  readonly cert_serial: string
  readonly cert_expires: number | null
  readonly provisioned_at: number | null
  readonly broker_endpoint: string
  readonly status: string
  readonly presence: { readonly last_seen: number; readonly connected: boolean } | null
  readonly groups: readonly string[]
  readonly actions: readonly { readonly rollout: number; readonly state: string }[]
  /** The operator's document: a text, a list, or something that cannot be compared. */
  readonly loose: string | readonly (string | null)[] | { readonly a: 1 } | null | undefined
  readonly facts: readonly Fact[]
}

const STATES = [
  'scheduled',
  'offered',
  'installing',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
]
const ENDED = new Set(['succeeded', 'failed', 'cancelled', 'rejected', 'timed_out'])
/** Name of the rollout with each number, and of its release. */
const ROLLOUTS = ['winter-2.5', 'x.y']
const SEALED = '\u0001'

function factOf(type: string): fc.Arbitrary<FieldValue> {
  const sealed = fc.constant<FieldValue>({ t: SEALED })
  switch (type) {
    case 'number':
      return fc.oneof(
        sealed,
        fc.constantFrom(7, -0.5, 1000, 0).map((n) => ({ t: String(n), n })),
        fc.integer({ min: 0, max: 99 }).map((n) => ({ t: String(n), n })),
      )
    case 'boolean':
      return fc.oneof(
        sealed,
        fc.boolean().map((yes) => ({ t: String(yes) })),
      )
    case 'time':
      return fc.oneof(
        sealed,
        moments.map((n) => ({ t: printInstant(n), n })),
      )
    case 'version':
      return fc.oneof(
        sealed,
        fc.constantFrom(...VERSIONS).map((t) => ({ t, v: versionKey(t) })),
      )
    default:
      return fc.oneof(
        { weight: 1, arbitrary: sealed },
        { weight: 9, arbitrary: fc.constantFrom(...TEXTS).map((t) => ({ t })) },
      )
  }
}

const facts: fc.Arbitrary<Fact[]> = fc
  .tuple(
    ...DECLARED.map(({ field, name, type }) =>
      fc
        .uniqueArray(factOf(type), { maxLength: 2, selector: ({ t }) => t })
        .map((values) => values.map((value) => ({ ...value, name, field }))),
    ),
  )
  .map((several) => several.flat())

const device: fc.Arbitrary<Omit<FleetDevice, 'device_id'>> = fc.record({
  hardware_rev: fc.constantFrom(...TEXTS),
  firmware_ver: fc.constantFrom(...VERSIONS, ''),
  cert_serial: fc.constantFrom('', 'AB01', 'a', 'eu-1'),
  cert_expires: fc.option(moments),
  provisioned_at: fc.option(moments),
  broker_endpoint: fc.constantFrom('', 'local', 'eu-1', 'a'),
  status: fc.constantFrom('active', 'active', 'suspended', 'decommissioned'),
  presence: fc.option(fc.record({ last_seen: moments, connected: fc.boolean() })),
  groups: fc.subarray(NAMES),
  actions: fc.array(fc.record({ rollout: fc.constantFrom(1, 2), state: fc.constantFrom(...STATES) }), { maxLength: 2 }),
  loose: fc.oneof(
    fc.constantFrom(...TEXTS),
    fc.array(fc.option(fc.constantFrom(...TEXTS)), { maxLength: 3 }),
    fc.constantFrom({ a: 1 as const }, null, undefined, 'x'.repeat(1025), 'x\u0000y', '\ud800'),
  ),
  facts,
}) // prettier-ignore

/** Ids that patterns may meet come first, the rest are numbered. */
export function fleet(count: number): fc.Arbitrary<FleetDevice[]> {
  const ids = TEXTS.filter((text) => /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(text))
  return fc
    .array(device, { minLength: count, maxLength: count, size: 'max' })
    .map((all) => all.map((each, i) => ({ ...each, device_id: ids[i] ?? `eu-${i}` })))
}

function looseValues(loose: FleetDevice['loose']): FieldValue[] {
  const members: readonly unknown[] = Array.isArray(loose) ? loose : [loose]
  return members.flatMap((member) => {
    if (member === null || member === undefined) return []
    if (typeof member !== 'string' || Buffer.byteLength(member) > 1024) return [{ t: SEALED }]
    return [{ t: member.replaceAll('\u0000', '\ufffd').toWellFormed() }]
  })
}

const text = (value: string): FieldValue[] => (value === '' ? [] : [{ t: value }])
const time = (us: number | null | undefined): FieldValue[] =>
  us === null || us === undefined ? [] : [{ t: '', n: us }]

/** A device as `evaluate` sees it. */
export function valuesOf(known: FleetDevice): DeviceValues {
  const newest = known.actions.at(-1)
  const values = new Map<string, FieldValue[]>([
    ['device_id', text(known.device_id)],
    ['hardware_rev', text(known.hardware_rev)],
    ['firmware_ver', text(known.firmware_ver).map(({ t }) => ({ t, v: versionKey(t) }))],
    ['cert_serial', text(known.cert_serial)],
    ['broker_endpoint', text(known.broker_endpoint)],
    ['status', text(known.status)],
    ['cert_expires', time(known.cert_expires)],
    ['provisioned_at', time(known.provisioned_at)],
    ['last_seen', time(known.presence?.last_seen)],
    ['connected', known.presence ? [{ t: String(known.presence.connected) }] : []],
    ['group', known.groups.map((t) => ({ t }))],
    ['action.state', newest ? [{ t: newest.state }] : []],
    ['action.release', newest ? text(ROLLOUTS[newest.rollout - 1] ?? '') : []],
    ['attribute.loose', looseValues(known.loose)],
  ])
  for (const [index, name] of [`rollout.${ROLLOUTS[0]}`, 'rollout.2'].entries()) {
    const actions = known.actions.filter(({ rollout }) => rollout === index + 1)
    values.set(
      name,
      actions.map(({ state }) => ({ t: state })),
    )
  }
  for (const { name, ...value } of known.facts)
    values.set(name, [...(values.get(name) ?? []), value])
  return values
}

const timestamp = (us: number | null): string | null => (us === null ? null : printInstant(us))

async function insert(
  db: Database,
  table: string,
  columns: string,
  rows: readonly object[],
): Promise<void> {
  await db.unnamed(
    'test_fleet',
    `insert into ${table} (${columns}) overriding system value select ${columns} from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
    [JSON.stringify(rows)],
  )
}

async function storeReferences(db: Database): Promise<void> {
  const releases = ROLLOUTS.map((name, i) => ({ release_id: i + 1, name, version: '1' }))
  await insert(db, 'releases', 'release_id, name, version', releases)
  const rollouts = ROLLOUTS.map((name, i) => ({
    rollout_id: i + 1, name, release_id: i + 1, query: 'all', status: 'running', kind: 'soft', rules: {}, author: 'test',
  })) // prettier-ignore
  await insert(
    db,
    'rollouts',
    'rollout_id, name, release_id, query, status, kind, rules, author',
    rollouts,
  )
  await insert(
    db,
    'groups',
    'group_id, name',
    NAMES.map((name, i) => ({ group_id: i + 1, name })),
  )
  await insert(db, 'fields', 'field, name, type, ready', [...DECLARED])
}

/** Writes the devices into all tables that a query reads. */
export async function storeFleet(db: Database, devices: readonly FleetDevice[]): Promise<void> {
  await storeReferences(db)
  const all = devices.map(({ loose: _loose, facts: _facts, ...each }) => ({
    ...each,
    cert_expires: timestamp(each.cert_expires) ?? 'infinity',
    provisioned_at: timestamp(each.provisioned_at),
  }))
  await insert(
    db,
    'devices',
    'device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, provisioned_at, broker_endpoint, status',
    all,
  )
  const of = <T extends object>(
    pick: (device: FleetDevice) => readonly T[],
  ): (T & { device_id: string })[] =>
    devices.flatMap((each) =>
      pick(each).map((row) => Object.assign(row, { device_id: each.device_id })),
    )
  const presence = of(({ presence: seen }) =>
    seen ? [{ connected: seen.connected, last_seen: timestamp(seen.last_seen) }] : [],
  )
  await insert(db, 'device_presence', 'device_id, last_seen, connected', presence)
  const members = of(({ groups }) => groups.map((name) => ({ group_id: NAMES.indexOf(name) + 1 })))
  await insert(db, 'group_members', 'device_id, group_id', members)
  const actions = of((each) =>
    each.actions.map(({ rollout, state }, i) => {
      const phase = state === 'scheduled' ? 'scheduled' : ENDED.has(state) ? 'ended' : 'open'
      const row = { number: i + 1, rollout_id: rollout, release_id: rollout, grp: 0, weight: 500 }
      return { ...row, state, phase, state_at: '2026-11-24', created_at: '2026-11-24', attempt: 1 }
    }),
  )
  await insert(
    db,
    'actions',
    'device_id, number, rollout_id, release_id, grp, weight, state, phase, state_at, created_at, attempt',
    actions,
  )
  // The sealed mark cannot travel in jsonb as itself, but as an escape it can.
  await insert(
    db,
    'device_facts',
    'device_id, field, t, n, v',
    of(({ facts: known }) => known),
  )
  const documents = of(({ loose }) => [
    { source: 'operator', document: JSON.stringify({ loose }), updated_at: '2026-11-24' },
  ])
  await insert(db, 'device_attributes', 'device_id, source, document, updated_at', documents)
  await db.unnamed('test_analyze', 'analyze', [])
}
