import { Counter, Gauge } from 'prom-client'
import { metrics } from '../../shared/metrics.ts'

export const edgeAnswers = new Counter({
  name: 'muster_edge_answers_total',
  help: 'Answers of the edge by function (empty: its own) and status',
  labelNames: ['function', 'status'],
  registers: [metrics],
})

export const edgeConnections = new Gauge({
  name: 'muster_edge_connections',
  help: 'Open connections of the edge',
  registers: [metrics],
})

export const edgeRefusals = new Counter({
  name: 'muster_edge_refused_connections_total',
  help: 'Connections that the edge closed before a request: source over its limit, connection or handshake broken, head malformed',
  labelNames: ['reason'],
  registers: [metrics],
})
