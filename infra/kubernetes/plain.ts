// Functions as Deployments and Services.
import type { FunctionPlan } from './plan.ts'
import {
  callsBy,
  command,
  containerSecurity,
  functionLabels,
  labelsOf,
  METRICS_PORT,
  podSecurity,
  PORT,
  ready,
  resourcesOf,
  secretMount,
  secretVolume,
  settingsOf,
  type Manifest,
} from './pod.ts'

/** How long a pod that is to end goes on serving: until every node knows that it is not to be asked any more. */
const SERVES_ON = 5

function container(plan: FunctionPlan): Manifest {
  return {
    name: 'function',
    image: plan.image,
    command,
    ports: [
      { name: 'http', containerPort: PORT },
      { name: 'metrics', containerPort: METRICS_PORT },
    ],
    envFrom: settingsOf(plan),
    env: [
      { name: 'PORT', value: String(PORT) },
      { name: 'healthcheck_interval', value: `${SERVES_ON}s` },
      ...callsBy(plan, `http://{function}:${PORT}`),
    ],
    readinessProbe: { httpGet: ready, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
    startupProbe: { httpGet: ready, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
    livenessProbe: { httpGet: ready, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    resources: resourcesOf(plan),
    securityContext: containerSecurity,
    volumeMounts: [secretMount],
  }
}

function deployment(plan: FunctionPlan): Manifest {
  const labels = functionLabels(plan.name)
  const fixed = plan.replicas.least === plan.replicas.most
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: plan.name, labels },
    spec: {
      // Where an autoscaler counts, it alone says how many.
      ...(fixed && { replicas: plan.replicas.least }),
      revisionHistoryLimit: 3,
      selector: { matchLabels: { 'app.kubernetes.io/name': plan.name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels }, spec: podSpec(plan) },
    },
  }
}

function podSpec(plan: FunctionPlan): Manifest {
  return {
    serviceAccountName: plan.name,
    automountServiceAccountToken: false,
    // Else Kubernetes sets EDGE_PORT and the like after the Services' names.
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: SERVES_ON + 35,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { 'app.kubernetes.io/name': plan.name } },
      },
    ],
    containers: [container(plan)],
    volumes: [secretVolume(plan)],
  }
}

// A caller keeps its connections, each to one pod: what ends closes them after serving on, and the next one leads elsewhere.
function service({ name }: FunctionPlan): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: functionLabels(name) },
    spec: {
      selector: { 'app.kubernetes.io/name': name },
      ports: [
        { name: 'http', port: PORT, targetPort: 'http' },
        { name: 'metrics', port: METRICS_PORT, targetPort: 'metrics' },
      ],
    },
  }
}

function serviceAccount({ name }: FunctionPlan): Manifest {
  const metadata = { name, labels: functionLabels(name) }
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false }
}

function disruptionBudget({ name }: FunctionPlan): Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, labels: functionLabels(name) },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
    },
  }
}

function autoscaler({ name, replicas }: FunctionPlan): Manifest[] {
  if (replicas.least === replicas.most) return []
  return [
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name, labels: functionLabels(name) },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: replicas.least,
        maxReplicas: replicas.most,
        metrics: [
          {
            type: 'Resource',
            // Of what is requested: half a core of the busy ones, an eighth of the others.
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 500 } },
          },
        ],
      },
    },
  ]
}

/** Where the edge finds each function that it has routes for: variables of its haproxy.cfg. */
function edgeSettings(plans: readonly FunctionPlan[]): Manifest {
  const routed = plans.filter(({ callers }) => callers.includes('edge'))
  const places = routed.map(({ name }) => [
    `FUNCTION_${name.toUpperCase().replaceAll('-', '_')}`,
    `${name}:${PORT}`,
  ])
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'edge', labels: labelsOf('edge') },
    data: { DIRECT: '1', ...Object.fromEntries(places) },
  }
}

export function plainManifests(plans: readonly FunctionPlan[]): Manifest[] {
  const functions = plans.flatMap((plan) => [
    serviceAccount(plan),
    deployment(plan),
    service(plan),
    disruptionBudget(plan),
    ...autoscaler(plan),
  ])
  return [edgeSettings(plans), ...functions]
}
