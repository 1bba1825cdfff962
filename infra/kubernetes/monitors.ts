// Where Prometheus' operator finds the metrics. One resource for all functions, one each for what else has metrics.
import type { Manifest } from './pod.ts'

const monitor = (name: string, matchLabels: Readonly<Record<string, string>>): Manifest => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'ServiceMonitor',
  metadata: { name, labels: { 'app.kubernetes.io/part-of': 'muster' } },
  spec: {
    selector: { matchLabels },
    jobLabel: 'app.kubernetes.io/name',
    endpoints: [{ port: 'metrics', interval: '15s' }],
  },
})

export const monitorManifests = (): Manifest[] => [
  monitor('functions', { 'app.kubernetes.io/component': 'function' }),
  monitor('connector', { 'app.kubernetes.io/name': 'connector' }),
  monitor('edge', { 'app.kubernetes.io/name': 'edge' }),
]
