import { readHealth, type Health } from '../../shared/enrollment/health.ts'
import type { FleetNumbers } from '../../shared/fleet/numbers.ts'
import { readFleetSample, sampleFleet } from '../../shared/fleet/sample.ts'
import type { Ctx } from './deps.ts'
import { metricText, one, type Metric } from './metric-text.ts'
import { readWatchMetrics } from './watch-metrics.ts'

function deviceMetrics({ byStatus, connected, versions, hardware }: FleetNumbers): Metric[] {
  return [
    {
      name: 'muster_devices',
      help: 'Devices by status',
      samples: Object.entries(byStatus).map(([status, value]) => ({ labels: { status }, value })),
    },
    one('muster_devices_connected', 'Devices that are connected', connected),
    {
      name: 'muster_devices_firmware',
      help: 'Active devices by version, the ten most frequent',
      samples: versions.map(({ name, devices }) => ({
        labels: { firmware_ver: name },
        value: devices,
      })),
    },
    {
      name: 'muster_devices_hardware',
      help: 'Devices by hardware revision, the ten most frequent',
      samples: hardware.map(({ name, devices }) => ({
        labels: { hardware_rev: name },
        value: devices,
      })),
    },
  ]
}

function workMetrics({ attention, backlog }: FleetNumbers): Metric[] {
  return [
    one('muster_enrollments_pending', 'Enrolments that wait for a person', attention.pending),
    one('muster_dead_letters_day', 'Dead letters of the last day, not replayed', attention.dead),
    one('muster_operations_open', 'Operations under way', attention.running_operations),
    one('muster_rollouts_open', 'Rollouts under way', attention.live_rollouts),
    one('muster_rollouts_paused', 'Rollouts that are paused', attention.paused),
    one('muster_actions_open', 'Updates that are open, counted to 100,001', attention.open_actions),
    {
      name: 'muster_outbox_rows',
      help: 'Rows that wait for delivery, by slot',
      samples: backlog.map(({ slot, rows }) => ({ labels: { slot: String(slot) }, value: rows })),
    },
  ]
}

function healthMetric({ parts }: Health): Metric {
  return {
    name: 'muster_health',
    help: 'Parts: 1 well, 0.5 with a warning, 0 failed',
    samples: parts.map(({ name, status }) => ({
      labels: { part: name },
      value: status === 'ok' ? 1 : status === 'warning' ? 0.5 : 0,
    })),
  }
}

/** Counted by the last tick; none before the first. */
async function sampleMetrics({ env }: Ctx): Promise<Metric[]> {
  const sample = await readFleetSample(env)
  if (sample === undefined) return []
  const age = (env.clock.now().getTime() - sample.at.getTime()) / 1000
  return [
    one('muster_fleet_numbers_age_seconds', 'Since the fleet was counted last', Math.max(0, age)),
    ...deviceMetrics(sample.numbers),
    ...workMetrics(sample.numbers),
  ]
}

/** The fleet for Prometheus; labels are bounded, whatever devices call themselves. Without the database: that it is not there. */
export async function fleetMetrics(c: Ctx): Promise<Response> {
  const health = healthMetric(await readHealth(c.env))
  const numbers = await Promise.all([sampleMetrics(c), readWatchMetrics(c.env)]).catch(
    (error: unknown) => {
      c.env.log.warn({ err: error }, 'numbers not read')
      return []
    },
  )
  return c.body([...numbers.flat(), health].map(metricText).join(''), 200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  })
}

/** The schedule's tick: counts the fleet, once for all who ask until the next. */
export async function countTick(c: Ctx): Promise<Response> {
  await sampleFleet(c.env)
  return c.body(null, 204)
}
