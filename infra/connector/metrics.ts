import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** The connector's metrics; labels are bounded: classes, functions, outcomes. */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics(registry: Registry) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: `muster_${name}`, help, labelNames, registers })
  return {
    received: counter('connector_messages_received_total', 'Messages of devices', ['class']),
    ignored: counter('connector_messages_ignored_total', 'Messages without effect', [
      'class',
      'why',
    ]),
    over: counter('connector_messages_over_total', 'Messages above a bound, refused', [
      'class',
      'code',
    ]),
    acknowledged: counter('connector_messages_acknowledged_total', 'PUBACKs sent', ['class']),
    published: counter('connector_messages_published_total', 'Messages to devices', ['class']),
    refused: counter('connector_messages_refused_total', 'Messages that the broker refused', [
      'code',
    ]),
    retried: counter('connector_items_retried_total', 'Items called again', ['function']),
    dead: counter('connector_dead_letters_total', 'Items that became dead letters', ['reason']),
    calls: counter('connector_calls_total', 'Calls by what came of them', ['function', 'outcome']),
    ticks: counter('connector_ticks_total', 'Ticks by what came of them', ['function', 'outcome']),
    takeovers: counter('connector_connections_total', 'Connections made, one an epoch', ['class']),
    ...histograms(registers),
    ...gauges(registers),
  }
}

function histograms(registers: Registry[]) {
  return {
    callSeconds: new Histogram({
      name: 'muster_connector_call_seconds',
      help: 'Time from the call to its answer',
      labelNames: ['function'],
      buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 15],
      registers,
    }),
    batchItems: new Histogram({
      name: 'muster_connector_batch_items',
      help: 'Items in a call',
      labelNames: ['function'],
      buckets: [1, 3, 10, 30, 100, 200],
      registers,
    }),
  }
}

function gauges(registers: Registry[]) {
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name: `muster_${name}`, help, labelNames, registers })
  return {
    held: gauge('connector_items_held', 'Items received and not acknowledged', ['cell', 'class']),
    lanes: gauge('connector_lanes_open', 'Devices with items in work', ['cell', 'class']),
    unacknowledged: gauge('connector_messages_unacknowledged', 'Sent, no PUBACK yet', [
      'cell',
      'class',
    ]),
    slots: gauge('connector_slots_held', 'Whether this process holds the slot', ['cell', 'class']),
    window: gauge('connector_calls_window', 'Calls of a function that may be under way', [
      'function',
    ]),
    outboxRows: gauge('connector_outbox_rows', 'Rows that wait for delivery', ['cell', 'class']),
    outboxSeconds: gauge('connector_outbox_age_seconds', 'Age of the oldest row that waits', [
      'cell',
      'class',
    ]),
    broker: gauge('broker_value', 'What the broker says of itself below $SYS/broker', [
      'cell',
      'name',
    ]),
  }
}
