// What every pod of ours has alike.
import type { FunctionPlan } from './plan.ts'

export type Manifest = Readonly<Record<string, unknown>>

export const PORT = 8080
export const METRICS_PORT = 8082
/** Where OpenFaaS mounts secrets, and where functions look for them. */
export const SECRETS = '/var/openfaas/secrets'

const USER = 1000

export const podSecurity = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  seccompProfile: { type: 'RuntimeDefault' },
}

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}

export const labelsOf = (name: string) => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/part-of': 'muster',
})

export const functionLabels = (name: string) => ({
  ...labelsOf(name),
  'app.kubernetes.io/component': 'function',
})

/** The function's secrets as a volume: what its Secret holds beyond the plan is not mounted. */
export function secretVolume({ name, secrets }: FunctionPlan): Manifest {
  return {
    name: 'secrets',
    secret: {
      secretName: `muster-${name}`,
      defaultMode: 0o440,
      items: secrets.map((key) => ({ key, path: key })),
    },
  }
}

export const secretMount = { name: 'secrets', mountPath: SECRETS, readOnly: true }

/** Node beside the function, not behind a watchdog: Kubernetes itself asks whether it is ready. */
export const command = ['/usr/bin/node', 'index.mjs']

/** The store's place is told to those alone that have its keys: a place without keys is a fault. */
export const settingsOf = ({ reaches }: FunctionPlan): Manifest[] => [
  { configMapRef: { name: 'muster' } },
  ...(reaches.store ? [{ configMapRef: { name: 'store' } }] : []),
]

/** Where a function that calls others finds them; without it, it would ask itself. */
export const callsBy = ({ reaches }: FunctionPlan, url: string): Manifest[] =>
  reaches.functions.length > 0 ? [{ name: 'GATEWAY_URL', value: url }] : []

export function resourcesOf({ cpu, memory }: FunctionPlan): Manifest {
  // No limit of CPU: a pod that is throttled answers late, one that is not takes only what is idle.
  return { requests: { cpu, memory: memory.request }, limits: { memory: memory.limit } }
}

export const ready = { path: '/ready', port: PORT }
