// Functions as Services of Knative Serving: they come to nothing when nobody asks, and back with the first request.
import type { FunctionPlan } from './plan.ts'
import {
  callsBy,
  command,
  containerSecurity,
  functionLabels,
  labelsOf,
  podSecurity,
  PORT,
  ready,
  resourcesOf,
  secretMount,
  secretVolume,
  settingsOf,
  type Manifest,
} from './pod.ts'

/** What a clock calls every few seconds never comes to nothing anyway; a start each time would only cost. */
function least({ annotations }: FunctionPlan): string {
  return annotations['schedule'] === undefined ? '0' : '1'
}

function service(plan: FunctionPlan): Manifest {
  const { name, replicas } = plan
  const annotations = {
    'autoscaling.knative.dev/min-scale': least(plan),
    'autoscaling.knative.dev/max-scale': String(replicas.most),
  }
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: {
      name,
      labels: { ...labelsOf(name), 'networking.knative.dev/visibility': 'cluster-local' },
    },
    spec: {
      template: {
        metadata: { labels: functionLabels(name), annotations },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containerConcurrency: 0,
          timeoutSeconds: 60,
          containers: [container(plan)],
          volumes: [secretVolume(plan)],
        },
      },
    },
  }
}

// Knative sets PORT, and its proxy drains a pod that is to end: the function need not serve on.
function container(plan: FunctionPlan): Manifest {
  return {
    name: 'function',
    image: plan.image,
    command,
    ports: [{ name: 'http1', containerPort: PORT }],
    envFrom: settingsOf(plan),
    env: callsBy(plan, 'http://{function}.muster.svc.cluster.local'),
    readinessProbe: { httpGet: ready },
    resources: resourcesOf(plan),
    securityContext: { ...containerSecurity, ...knativeUser },
    volumeMounts: [secretMount],
  }
}

// Knative takes these of a container, and a pod's only where its flags allow them.
const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile } = podSecurity
const knativeUser = { runAsNonRoot, runAsUser, runAsGroup, seccompProfile }

function serviceAccount({ name }: FunctionPlan): Manifest {
  const metadata = { name, labels: labelsOf(name) }
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false }
}

export const knativeManifests = (plans: readonly FunctionPlan[]): Manifest[] =>
  plans.flatMap((plan) => [serviceAccount(plan), service(plan)])
