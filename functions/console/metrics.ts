import { readHealth, type Health } from '../../shared/enrollment/health.ts'
import { readFleetNumbers, type FleetNumbers } from '../../shared/fleet/numbers.ts'
import type { Ctx } from './deps.ts'

interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

interface Metric {
  readonly name: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const one = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  samples: [{ value }],
})

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
    one('muster_devices_expiring', 'Devices whose certificate ends in 7 days', attention.expiring),
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
    {
      name: 'muster_outbox_age_seconds',
      help: 'Age of the oldest row that waits for delivery, by slot',
      samples: backlog.map(({ slot, seconds }) => ({
        labels: { slot: String(slot) },
        value: seconds,
      })),
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

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

function sampleText(name: string, { labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
}

function metricText({ name, help, samples }: Metric): string {
  if (samples.length === 0) return ''
  const lines = samples.map((sample) => sampleText(name, sample)).join('')
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines}`
}

/** The fleet for Prometheus; labels are bounded, whatever devices call themselves. */
export async function fleetMetrics(c: Ctx): Promise<Response> {
  const numbers = await readFleetNumbers(c.env)
  const health = await readHealth(c.env)
  const all = [...deviceMetrics(numbers), ...workMetrics(numbers), healthMetric(health)]
  return c.body(all.map(metricText).join(''), 200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  })
}
