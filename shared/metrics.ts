import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of this process; `METRICS_PORT` serves them, the edge in `npm start`. */
export const metrics = new Registry()

export const functionCalls = new Counter({
  name: 'muster_function_calls_total',
  help: 'Calls of functions by outcome (ok, refused, failed)',
  labelNames: ['function', 'outcome'],
  registers: [metrics],
})

export const functionSeconds = new Histogram({
  name: 'muster_function_seconds',
  help: 'Time from the call to the answer',
  labelNames: ['function'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  registers: [metrics],
})

export const certificateEnds = new Gauge({
  name: 'muster_certificate_end_timestamp_seconds',
  help: 'When a certificate of our own ends: of the edge, the connector, the broker',
  labelNames: ['of'],
  registers: [metrics],
})
