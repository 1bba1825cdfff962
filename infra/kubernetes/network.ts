// Who reaches a function, and what it reaches besides DNS and the database. All else is closed by the policy `default` of the base.
import type { FunctionPlan } from './plan.ts'
import { functionLabels, METRICS_PORT, PORT, type Manifest } from './pod.ts'

const HTTPS = 443

const pod = (name: string) => ({ podSelector: { matchLabels: { 'app.kubernetes.io/name': name } } })
const tcp = (port: number) => ({ protocol: 'TCP', port })

/** A pod of any namespace: the database and the store are the operator's, and may lie in one of their own. */
const anywhere = (name: string) => ({ namespaceSelector: {}, ...pod(name) })

const monitoring = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } },
}

function egress({ reaches }: FunctionPlan): Manifest[] {
  const { functions, store, outside } = reaches
  return [
    ...(functions.length > 0 ? [{ to: functions.map(pod), ports: [tcp(PORT)] }] : []),
    ...(store ? [{ to: [anywhere('s3')] }] : []),
    ...(outside || store ? [{ ports: [tcp(HTTPS)] }] : []),
  ]
}

function policy(plan: FunctionPlan): Manifest {
  const { name, callers } = plan
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, labels: functionLabels(name) },
    spec: {
      podSelector: { matchLabels: { 'app.kubernetes.io/name': name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: callers.map(pod), ports: [tcp(PORT)] },
        { from: [monitoring], ports: [tcp(METRICS_PORT)] },
      ],
      egress: egress(plan),
    },
  }
}

export const networkManifests = (plans: readonly FunctionPlan[]): Manifest[] => plans.map(policy)
