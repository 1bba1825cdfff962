// Functions as OpenFaaS' custom resources. Its operator makes the Deployments, Services and autoscaling of them.
import type { FunctionPlan } from './plan.ts'
import { labelsOf, type Manifest } from './pod.ts'

function functionResource(plan: FunctionPlan): Manifest {
  const { name, image, annotations, replicas, memory, cpu } = plan
  return {
    apiVersion: 'openfaas.com/v1',
    kind: 'Function',
    metadata: { name, namespace: 'openfaas-fn', labels: labelsOf(name) },
    spec: {
      name,
      image,
      // The probe of the watchdog's own health says only that it lives: that Node listens, says this one.
      annotations: { ...annotations, 'com.openfaas.ready.http.path': '/_/ready' },
      labels: {
        ...labelsOf(name),
        'com.openfaas.scale.min': String(replicas.least),
        'com.openfaas.scale.max': String(replicas.most),
      },
      environment: {
        LOG_FORMAT: 'json',
        ready_path: '/ready',
        healthcheck_interval: '5s',
        GATEWAY_URL: 'http://gateway.openfaas:8080',
      },
      // Every key of it becomes a file of /var/openfaas/secrets.
      secrets: [`muster-${name}`],
      limits: { memory: memory.limit },
      requests: { cpu, memory: memory.request },
      readOnlyRootFilesystem: true,
    },
  }
}

export const openfaasManifests = (plans: readonly FunctionPlan[]): Manifest[] =>
  plans.map(functionResource)
