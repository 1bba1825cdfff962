import type { Clock } from '../../shared/clock.ts'
import type { Db } from '../../shared/db/database.ts'
import { readWatched, type Watched } from '../../shared/fleet/watch.ts'
import { one, type Metric, type Sample } from './metric-text.ts'

type Values = readonly (readonly [Readonly<Record<string, string>>, number])[]

const gauge = (name: string, help: string, values: Values): Metric => ({
  name,
  help,
  samples: values.map(([labels, value]): Sample => ({ labels, value })),
})

const counter = (name: string, help: string, value: bigint): Metric => ({
  name,
  help,
  type: 'counter',
  samples: [{ value: Number(value) }],
})

function slotMetrics({ slots }: Watched): Metric[] {
  return [
    gauge(
      'muster_slot_unheld_seconds',
      'How long no connector has held the slot; 0 while one does',
      slots.map(({ broker, class: name, unheld }) => [{ broker, class: name }, unheld]),
    ),
    gauge(
      'muster_outbox_age_seconds',
      'Age of the oldest row that waits for delivery, by slot',
      slots.map(({ slot, waiting }) => [{ slot: String(slot) }, waiting]),
    ),
  ]
}

function identityMetrics({ issuers, ending, certificates }: Watched): Metric[] {
  return [
    gauge(
      'muster_authority_end_timestamp_seconds',
      'When the certificate of an authority ends',
      issuers.map(({ issuer_id, state, ends }) => [{ issuer: String(issuer_id), state }, ends]),
    ),
    gauge(
      'muster_crl_end_timestamp_seconds',
      'When the CRL of an authority is outdated',
      issuers.flatMap(({ issuer_id, crl_ends }) =>
        crl_ends === null ? [] : [[{ issuer: String(issuer_id) }, crl_ends] as const],
      ),
    ),
    gauge(
      'muster_credentials_ending',
      'Credentials and API tokens that end within 14 days, by kind',
      ending.map(({ kind, ending: count }) => [{ kind }, count]),
    ),
    gauge(
      'muster_certificates_ending',
      'Devices whose certificate ends within so many days, counted to 1,001',
      certificates.map(({ days, devices }) => [{ days: String(days) }, devices]),
    ),
  ]
}

function workMetrics({ rollouts, ticks, partitions }: Watched): Metric[] {
  return [
    gauge(
      'muster_rollout_devices',
      'Devices of rollouts under way, of the youngest 20, by how their update ended (total: all)',
      rollouts.flatMap(({ name: rollout, total, succeeded, failed, cancelled }) =>
        Object.entries({ total, succeeded, failed, cancelled }).map(
          ([outcome, count]) => [{ rollout, outcome }, Number(count)] as const,
        ),
      ),
    ),
    gauge(
      'muster_tick_age_seconds',
      'Since the tick that a schedule finished last',
      ticks.map(({ schedule, seconds }) => [{ function: schedule }, seconds]),
    ),
    gauge(
      'muster_partitions_ahead',
      'Partitions that begin after today',
      partitions.map(({ parent, ahead }) => [{ table: parent }, ahead]),
    ),
  ]
}

function databaseMetrics({ database }: Watched): Metric[] {
  if (database === undefined) return []
  const { snapshot, hidden, bytes, sessions, sessions_limit: limit } = database
  return [
    one('muster_database_snapshot_seconds', 'Age of the oldest transaction', snapshot),
    one('muster_database_hidden_sessions', 'Sessions whose transactions Muster cannot see', hidden),
    one('muster_database_bytes', 'Size of the database', Number(bytes)),
    one('muster_database_connections', 'Sessions on the database', Number(sessions)),
    one('muster_database_connections_limit', 'max_connections of the server', limit),
    counter('muster_database_commits_total', 'Transactions committed', database.commits),
    counter('muster_database_rollbacks_total', 'Transactions rolled back', database.rollbacks),
    counter('muster_database_deadlocks_total', 'Deadlocks', database.deadlocks),
    counter('muster_database_temp_bytes_total', 'Bytes of temporary files', database.temp_bytes),
  ]
}

const CACHE_MS = 1000

const caches = new WeakMap<Db, { until: number; metrics: Promise<Metric[]> }>()

/** What alerts hang on; at most a second old, however many scrape. */
export function readWatchMetrics(deps: { db: Db; clock: Clock }): Promise<Metric[]> {
  const now = performance.now()
  const cached = caches.get(deps.db)
  if (cached !== undefined && now < cached.until) return cached.metrics
  const metrics = readWatched(deps).then((watched) =>
    [slotMetrics, identityMetrics, workMetrics, databaseMetrics].flatMap((of) => of(watched)),
  )
  caches.set(deps.db, { until: now + CACHE_MS, metrics })
  metrics.catch(() => caches.delete(deps.db))
  return metrics
}
