import { DomainError } from '../errors.ts'
import { gather, type Outcome } from '../gather.ts'
import { notifyOutbox } from '../outbox/notify.ts'
import { slotsOfDevices, type DeviceSlot } from '../outbox/slots.ts'
import type { Change, Changed } from './change.ts'
import { readShadowKeys, type KeyRow } from './queries.ts'
import { workShadows } from './work.ts'
import type { ShadowDeps } from './write-plans.ts'

/** A change that nobody's session delivered: by HTTP, or a step of an operation. */
export type AskedChange = Omit<Change, 'packet' | 'dup' | 'delivery' | 'slot'>

export interface Done {
  readonly version: number
  /** The accepted document. */
  readonly text: string
}

/** Refusals: device.not_found, shadow.*, request.precondition_failed, idempotency.*, delivery.backlog. */
export type ShadowWriter = (change: AskedChange) => Promise<Done>

const MOST = 200
const DEADLINE_MS = 10_000

/** Writes of the same moment share one statement, as those of the connector do. */
export function createWriter(deps: ShadowDeps): ShadowWriter {
  return gather(MOST, (changes) => writeAsked(deps, changes))
}

/** Writes changes together; each ends by itself. */
export async function writeAsked(
  deps: ShadowDeps,
  asked: readonly AskedChange[],
): Promise<Outcome<Done>[]> {
  const deadline = performance.now() + DEADLINE_MS
  const [slots, keys] = await Promise.all([
    slotsOfDevices(deps.db, [...new Set(asked.map(({ deviceId }) => deviceId))], 'shadow'),
    readKeys(deps, asked),
  ])
  const seen = new Set<string>()
  const prepared = asked.map((change) => prepare(change, slots.get(change.deviceId), keys, seen))
  const { results } = await workShadows(deps, {
    changes: prepared.flatMap((each) => ('change' in each ? [each.change] : [])),
    inTime: () => performance.now() < deadline,
  })
  const told = prepared.flatMap((each) =>
    'change' in each && results.get(each.change)?.kind === 'applied' ? [each.change.slot] : [],
  )
  notifyOutbox(
    deps.db,
    told.filter((slot) => slot !== null),
  )
  return prepared.map((each) =>
    'change' in each ? outcomeOf(results.get(each.change)) : each.outcome,
  )
}

type Prepared = { readonly change: Change } | { readonly outcome: Outcome<Done> }

const refuse = (error: DomainError): Prepared => ({ outcome: { error } })

function prepare(
  asked: AskedChange,
  place: DeviceSlot | undefined,
  keys: ReadonlyMap<string, KeyRow>,
  seen: Set<string>,
): Prepared {
  if (place === undefined) return refuse(new DomainError('device.not_found'))
  if (asked.key !== undefined) {
    const name = `${asked.deviceId} ${asked.key.key}`
    const known = keys.get(name)
    if (known !== undefined) return { outcome: replay(known, asked.key.sha256) }
    if (seen.has(name)) return refuse(new DomainError('idempotency.in_progress'))
    seen.add(name)
  }
  if (place.full && asked.command.kind !== 'get') {
    return refuse(new DomainError('delivery.backlog'))
  }
  return { change: { ...asked, packet: null, dup: false, delivery: null, slot: place.slot } }
}

async function readKeys(
  { db }: ShadowDeps,
  asked: readonly AskedChange[],
): Promise<Map<string, KeyRow>> {
  const keyed = asked.flatMap(({ deviceId, key }) => (key ? [[deviceId, key.key] as const] : []))
  if (keyed.length === 0) return new Map()
  const rows = await db.rows(readShadowKeys, [
    keyed.map(([owner]) => owner),
    keyed.map(([, key]) => key),
  ])
  return new Map(rows.map((row) => [`${row.owner} ${row.key}`, row]))
}

function replay(row: KeyRow, sha256: string): Outcome<Done> {
  if (row.request_sha256.toString('hex') !== sha256) {
    return { error: new DomainError('idempotency.key_reused') }
  }
  if (row.answer === null) return { error: new DomainError('idempotency.in_progress') }
  const { version }: { version: number } = JSON.parse(row.answer)
  return { value: { version, text: row.answer } }
}

function outcomeOf(changed: Changed | undefined): Outcome<Done> {
  switch (changed?.kind) {
    case 'applied':
      return { value: { version: changed.version, text: changed.notices.accepted ?? '' } }
    case 'answered':
      return { value: { version: changed.version, text: changed.accepted } }
    case 'refused':
      return { error: changed.error }
    case 'duplicate':
    case 'unchanged':
    case 'conflict':
    case undefined:
      return { error: new DomainError('shadow.contended') }
  }
}
