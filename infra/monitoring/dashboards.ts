// Grafana's dashboards, described here and written as JSON: `npx node infra/monitoring/dashboards.ts` writes infra/monitoring/grafana.
import { mkdirSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

export interface Panel {
  readonly title: string
  readonly unit: 'short' | 's' | 'bytes' | 'percentunit' | 'reqps' | 'ops'
  /** A number of now; left out: a graph. */
  readonly stat?: true
  /** PromQL by legend. */
  readonly queries: Readonly<Record<string, string>>
}

export interface Dashboard {
  readonly name: string
  readonly title: string
  readonly panels: readonly Panel[]
}

const graph = (title: string, unit: Panel['unit'], queries: Panel['queries']): Panel => ({
  title,
  unit,
  queries,
})
const stat = (title: string, unit: Panel['unit'], query: string): Panel => ({
  title,
  unit,
  stat: true,
  queries: { '': query },
})
const quantile = (q: number, metric: string, by: string, filter = '') =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${metric}_bucket${filter}[5m])))`

const FLEET: Dashboard = {
  name: 'fleet',
  title: 'Muster: fleet',
  panels: [
    stat('Devices', 'short', 'sum(muster_devices)'),
    stat('Connected', 'short', 'muster_devices_connected'),
    stat('Not well', 'short', 'count(muster_health < 1) or vector(0)'),
    stat('Certificates ending', 'short', 'muster_certificates_ending{days="14"}'),
    graph('Devices', 'short', {
      '{{status}}': 'muster_devices',
      connected: 'muster_devices_connected',
    }),
    graph('Versions', 'short', { '{{firmware_ver}}': 'muster_devices_firmware' }),
    graph('Hardware', 'short', { '{{hardware_rev}}': 'muster_devices_hardware' }),
    graph('Health', 'short', { '{{part}}': 'min by (part) (muster_health)' }),
    graph('Work under way', 'short', {
      operations: 'muster_operations_open',
      rollouts: 'muster_rollouts_open',
      updates: 'muster_actions_open',
      'waiting enrolments': 'muster_enrollments_pending',
    }),
    graph('Calls', 'reqps', {
      '{{function}}': 'sum by (function) (rate(muster_function_calls_total[5m]))',
    }),
    graph('Failed calls', 'reqps', {
      '{{function}}': 'sum by (function) (rate(muster_function_calls_total{outcome="failed"}[5m]))',
    }),
    graph('Call, 99 of 100 within', 's', {
      '{{function}}': quantile(0.99, 'muster_function_seconds', 'function'),
    }),
    graph('Edge: answers', 'reqps', {
      '{{status}}': 'sum by (status) (rate(muster_edge_answers_total[5m]))',
    }),
    graph('Edge: connections', 'short', { open: 'sum(muster_edge_connections)' }),
  ],
}

const ENROLMENT: Dashboard = {
  name: 'enrolment',
  title: 'Muster: enrolment',
  panels: [
    graph('Enrolments', 'ops', {
      '{{protocol}} {{result}}': 'sum by (protocol, result) (rate(muster_enrollments_total[5m]))',
    }),
    graph('Refused, by the true reason', 'ops', {
      '{{reason}}': 'sum by (reason) (rate(muster_enrollment_refusals_total[5m]))',
    }),
    graph('Certificates issued', 'ops', {
      '{{for}}': 'sum by (for) (rate(muster_certificates_issued_total[5m]))',
    }),
    graph('Certificates revoked', 'ops', {
      '{{reason}}': 'sum by (reason) (rate(muster_certificates_revoked_total[5m]))',
    }),
    graph('Waiting for a person', 'short', { pending: 'muster_enrollments_pending' }),
    graph('Certificates of devices that end', 'short', {
      'within {{days}} days': 'muster_certificates_ending',
    }),
    graph('Credentials that end within 14 days', 'short', {
      '{{kind}}': 'muster_credentials_ending',
    }),
    graph('Authorities end in', 's', {
      '{{issuer}} {{state}}': 'muster_authority_end_timestamp_seconds - time()',
    }),
    graph('CRLs outdated in', 's', { '{{issuer}}': 'muster_crl_end_timestamp_seconds - time()' }),
    graph('Own certificates end in', 's', {
      '{{of}}': 'min by (of) (muster_certificate_end_timestamp_seconds) - time()',
    }),
  ],
}

const SHADOWS: Dashboard = {
  name: 'shadows',
  title: 'Muster: shadows',
  panels: [
    graph('Requests', 'ops', {
      '{{outcome}}': 'sum by (outcome) (rate(muster_shadow_requests_total[5m]))',
    }),
    graph('shadow-update, by share within', 's', {
      half: quantile(0.5, 'muster_function_seconds', 'function', '{function="shadow-update"}'),
      '99 of 100': quantile(
        0.99,
        'muster_function_seconds',
        'function',
        '{function="shadow-update"}',
      ),
    }),
    graph('Items in a call', 'short', {
      '{{function}}':
        'sum by (function) (rate(muster_connector_batch_items_sum[5m])) / sum by (function) (rate(muster_connector_batch_items_count[5m]))',
    }),
    graph('Outbox, rows', 'short', { 'slot {{slot}}': 'max by (slot) (muster_outbox_rows)' }),
    graph('Outbox, age', 's', { 'slot {{slot}}': 'max by (slot) (muster_outbox_age_seconds)' }),
    graph('Dead letters', 'short', {
      '{{reason}}': 'sum by (reason) (increase(muster_connector_dead_letters_total[1h]))',
    }),
  ],
}

const UPDATES: Dashboard = {
  name: 'updates',
  title: 'Muster: updates',
  panels: [
    stat('Rollouts under way', 'short', 'muster_rollouts_open'),
    stat('Paused', 'short', 'muster_rollouts_paused'),
    stat('Updates open', 'short', 'muster_actions_open'),
    graph('Rollouts: done', 'percentunit', {
      '{{rollout}}':
        'sum by (rollout) (muster_rollout_devices{outcome!="total"}) / sum by (rollout) (muster_rollout_devices{outcome="total"})',
    }),
    graph('Rollouts: failed', 'short', {
      '{{rollout}}': 'muster_rollout_devices{outcome="failed"}',
    }),
    graph('Calls', 'reqps', {
      '{{function}}':
        'sum by (function) (rate(muster_function_calls_total{function=~"ota.*"}[5m]))',
    }),
  ],
}

const BROKERS: Dashboard = {
  name: 'brokers',
  title: 'Muster: brokers and connectors',
  panels: [
    graph('Connections', 'short', {
      '{{name}}':
        'sum by (name) (muster_broker_value{name=~"clients_connected|connections_limit"})',
    }),
    graph('Messages', 'ops', {
      '{{name}}':
        'sum by (name) (rate(muster_broker_value{name=~"publish_received|publish_sent"}[5m]))',
    }),
    graph('Waiting and retained', 'short', {
      '{{name}}':
        'sum by (name) (muster_broker_value{name=~"store_messages|retained_messages|queue_limit"})',
    }),
    graph('Dropped', 'short', {
      dropped: 'sum(increase(muster_broker_value{name="publish_dropped"}[5m]))',
    }),
    graph('Slots held', 'short', { '{{class}}': 'sum by (class) (muster_connector_slots_held)' }),
    graph('Slots without a holder for', 's', {
      '{{broker}} {{class}}': 'max by (broker, class) (muster_slot_unheld_seconds)',
    }),
    graph('Received', 'ops', {
      '{{class}}': 'sum by (class) (rate(muster_connector_messages_received_total[5m]))',
    }),
    graph('Acknowledged', 'ops', {
      '{{class}}': 'sum by (class) (rate(muster_connector_messages_acknowledged_total[5m]))',
    }),
    graph('Published', 'ops', {
      '{{class}}': 'sum by (class) (rate(muster_connector_messages_published_total[5m]))',
    }),
    graph('Held', 'short', { '{{class}}': 'sum by (class) (muster_connector_items_held)' }),
    graph('Calls', 'reqps', {
      '{{function}} {{outcome}}':
        'sum by (function, outcome) (rate(muster_connector_calls_total[5m]))',
    }),
    graph('Call, 99 of 100 within', 's', {
      '{{function}}': quantile(0.99, 'muster_connector_call_seconds', 'function'),
    }),
    graph('Connections made', 'short', {
      '{{class}}': 'sum by (class) (increase(muster_connector_connections_total[1h]))',
    }),
    graph('Since the last tick', 's', { '{{function}}': 'muster_tick_age_seconds' }),
  ],
}

const DATABASE: Dashboard = {
  name: 'database',
  title: 'Muster: database',
  panels: [
    stat('Size', 'bytes', 'muster_database_bytes'),
    stat('Oldest transaction', 's', 'muster_database_snapshot_seconds'),
    graph('Sessions', 'short', {
      open: 'muster_database_connections',
      limit: 'muster_database_connections_limit',
      hidden: 'muster_database_hidden_sessions',
    }),
    graph('Transactions', 'ops', {
      committed: 'rate(muster_database_commits_total[5m])',
      'rolled back': 'rate(muster_database_rollbacks_total[5m])',
    }),
    graph('Deadlocks', 'short', { deadlocks: 'increase(muster_database_deadlocks_total[1h])' }),
    graph('Temporary files', 'bytes', { written: 'rate(muster_database_temp_bytes_total[5m])' }),
    graph('Size', 'bytes', { size: 'muster_database_bytes' }),
    graph('Partitions ahead', 'short', { '{{table}}': 'muster_partitions_ahead' }),
    graph('Rows gone by retention', 'ops', {
      '{{table}}': 'sum by (table) (rate(muster_retention_rows_total[5m]))',
    }),
    graph('Age of the fleet’s numbers', 's', { age: 'muster_fleet_numbers_age_seconds' }),
  ],
}

export const DASHBOARDS: readonly Dashboard[] = [
  FLEET,
  ENROLMENT,
  SHADOWS,
  UPDATES,
  BROKERS,
  DATABASE,
]

const WIDTH = 24
const SOURCE = { type: 'prometheus', uid: '${source}' }

function panelJson({ title, unit, stat: isStat, queries }: Panel, index: number, place: object) {
  const targets = Object.entries(queries).map(([legendFormat, expr], at) => ({
    refId: String.fromCharCode(65 + at),
    datasource: SOURCE,
    expr,
    legendFormat,
    instant: isStat === true,
  }))
  return {
    id: index + 1,
    type: isStat === true ? 'stat' : 'timeseries',
    title,
    datasource: SOURCE,
    gridPos: place,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets,
  }
}

/** A dashboard as Grafana imports it; the source is chosen in a box on top. */
export function dashboardJson({ name, title, panels }: Dashboard): object {
  let x = 0
  let y = 0
  let row = 0
  const placed = panels.map((panel, index) => {
    const [w, h] = panel.stat === true ? [6, 4] : [12, 8]
    if (x + w > WIDTH || (row !== 0 && row !== h)) {
      x = 0
      y += row
    }
    row = h
    const place = { x, y, w, h }
    x += w
    return panelJson(panel, index, place)
  })
  return {
    uid: `muster-${name}`,
    title,
    tags: ['muster'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [{ name: 'source', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
    },
    panels: placed,
  }
}

/** The file of a dashboard, as text. */
export const dashboardText = (dashboard: Dashboard): string =>
  `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = new URL('grafana/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  for (const dashboard of DASHBOARDS)
    writeFileSync(new URL(`${dashboard.name}.json`, folder), dashboardText(dashboard))
}
