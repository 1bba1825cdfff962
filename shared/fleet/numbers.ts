import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import {
  countAttention,
  countConnected,
  countHardware,
  countStatuses,
  countVersions,
  readOutboxBacklog,
  type AttentionRow,
} from './queries.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 7
/** Labels of metrics and rows of tables are bounded, whatever the fleet calls itself. */
const TOP = 10

export interface Counted {
  readonly name: string
  readonly devices: number
}

export interface Attention extends Record<keyof AttentionRow, number> {}

/** The fleet in numbers, as of now. */
export interface FleetNumbers {
  readonly byStatus: Readonly<Record<'active' | 'suspended' | 'decommissioned', number>>
  readonly connected: number
  readonly versions: readonly Counted[]
  readonly hardware: readonly Counted[]
  readonly attention: Attention
  readonly backlog: readonly { slot: number; rows: number; seconds: number }[]
}

interface FleetDeps {
  readonly db: Db
  readonly clock: Clock
}

const CACHE_MS = 10_000

interface Cached {
  readonly until: number
  readonly numbers: Promise<FleetNumbers>
}

const caches = new WeakMap<Db, Cached>()

/** At most ten seconds old: at a million devices counting takes about a second, and pages and scrapes come as they like. */
export function readFleetNumbers(deps: FleetDeps): Promise<FleetNumbers> {
  const now = performance.now()
  const cached = caches.get(deps.db)
  if (cached !== undefined && now < cached.until) return cached.numbers
  const numbers = countFleet(deps)
  caches.set(deps.db, { until: now + CACHE_MS, numbers })
  numbers.catch(() => caches.delete(deps.db))
  return numbers
}

export async function countFleet({ db, clock }: FleetDeps): Promise<FleetNumbers> {
  const now = clock.now()
  const soon = new Date(now.getTime() + SOON_DAYS * DAY_MS)
  const dayAgo = new Date(now.getTime() - DAY_MS)
  const statuses = await db.rows(countStatuses, [])
  const connected = await db.row(countConnected, [])
  const versions = await db.rows(countVersions, [TOP])
  const hardware = await db.rows(countHardware, [TOP])
  const attention = await db.row(countAttention, [now, soon, dayAgo])
  const backlog = await db.rows(readOutboxBacklog, [])
  const of = (status: string) =>
    Number(statuses.find((row) => row.status === status)?.devices ?? 0n)
  return {
    byStatus: {
      active: of('active'),
      suspended: of('suspended'),
      decommissioned: of('decommissioned'),
    },
    connected: Number(connected?.devices ?? 0n),
    versions: versions.map((row) => ({ name: row.firmware_ver, devices: Number(row.devices) })),
    hardware: hardware.map((row) => ({ name: row.hardware_rev, devices: Number(row.devices) })),
    attention: toNumbers(attention),
    backlog: backlog.map(({ slot, rows, seconds }) => ({ slot, rows: Number(rows), seconds })),
  }
}

function toNumbers(row: AttentionRow | undefined): Attention {
  const of = (name: keyof AttentionRow) => Number(row?.[name] ?? 0n)
  return {
    pending: of('pending'),
    expiring: of('expiring'),
    dead: of('dead'),
    failed_operations: of('failed_operations'),
    running_operations: of('running_operations'),
    approvals: of('approvals'),
    paused: of('paused'),
    live_rollouts: of('live_rollouts'),
    open_actions: of('open_actions'),
  }
}
