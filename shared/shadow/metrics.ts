import { Counter } from 'prom-client'
import { metrics } from '../metrics.ts'
import type { Changed } from './change.ts'

const requests = new Counter({
  name: 'muster_shadow_requests_total',
  help: 'Requests to shadows by how they ended (applied, answered, duplicate, unchanged, refused, conflict)',
  labelNames: ['outcome'],
  registers: [metrics],
})

/** Counts a batch: one increment for each way in which requests ended. */
export function countRequests(results: Iterable<Changed>): void {
  const counts = new Map<Changed['kind'], number>()
  for (const { kind } of results) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  for (const [outcome, count] of counts) requests.inc({ outcome }, count)
}
