// Every manifest as the API server of a real Kubernetes takes it: a server-side dry run, unknown fields refused.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, after, suite, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { generatedFiles } from '../../infra/kubernetes/generate.ts'
import { CALLS } from '../../infra/setup/mounts.ts'
import { ControlPlane } from '../support/kubernetes/control-plane.ts'
import { controlPlane, DEFINITIONS, HELM, helm, KUBE } from '../support/kubernetes/tools.ts'
import { until } from '../support/until.ts'

const OVERLAYS = ['overlays/plain', 'overlays/openfaas', 'overlays/knative', 'monitoring']
const NAMESPACES = ['muster', 'openfaas-fn']

test('ok/what is generated is what lies in the repository', async () => {
  for (const [file, text] of Object.entries(await generatedFiles()))
    assert.equal(readFileSync(file, 'utf8'), text, `${file}: node infra/kubernetes/generate.ts`)
})

test('ok/functions reach the functions that their sources call', () => {
  const found = new Map<string, Set<string>>()
  const shared = new Map<string, string[]>()
  const files = globSync('{functions,shared}/**/*.ts').filter((file) => !file.endsWith('.test.ts'))
  for (const file of files) {
    const called = [...readFileSync(file, 'utf8').matchAll(/\bcall\('([a-z-]+)', '\/internal/g)]
    const names = called.map(([, name = '']) => name)
    if (names.length === 0) continue
    const [layer, name = ''] = file.split('/')
    if (layer === 'functions') found.set(name, new Set([...(found.get(name) ?? []), ...names]))
    else shared.set(file, names)
  }
  // What enrols asks the signer by one file of the domain.
  assert.deepEqual(Object.fromEntries(shared), { 'shared/enrollment/ask-authority.ts': ['pki'] })
  for (const name of ['enroll', 'est']) found.set(name, new Set(['pki']))
  const sorted = [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const wanted = Object.entries(CALLS).toSorted(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(
    sorted.map(([name, callees]) => [name, [...callees]]),
    wanted,
  )
})

interface Item {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: { readonly template?: { readonly spec?: PodSpec } }
}

interface PodSpec {
  readonly containers: readonly {
    readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean }
    readonly resources?: { readonly limits?: object; readonly requests?: object }
  }[]
  readonly enableServiceLinks?: boolean
}

function built(overlay: string): { text: string; items: Item[] } {
  const folder = path.join('infra/kubernetes', overlay)
  const text = execFileSync(KUBE, ['kubectl', 'kustomize', folder], { encoding: 'utf8' })
  return { text, items: parseAllDocuments(text).map((each) => each.toJS() as Item) }
}

/** An object without what a chart names otherwise: its ConfigMap of settings, and the namespace, which Helm is told. Keys in order. */
function comparable({ metadata, ...rest }: Item): string {
  const named = Object.entries(metadata).filter(([key]) => key !== 'namespace')
  const inOrder = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value
  const text = JSON.stringify({ ...rest, metadata: Object.fromEntries(named) }, inOrder)
  return text.replaceAll(/"(muster|store)-[a-z0-9]{10}"/g, '"$1"')
}

suite('the chart', helm, () => {
  const template = ['template', 'muster', 'infra/helm/muster', '--namespace', 'muster']

  test('ok/renders what the plain overlay has', () => {
    const text = execFileSync(HELM, template, { encoding: 'utf8' })
    const rendered = parseAllDocuments(text).map((each) => each.toJS() as Item)
    const sorted = (items: readonly Item[]) =>
      items
        .filter(({ kind }) => kind !== 'Namespace')
        .map(comparable)
        .toSorted()
    assert.deepEqual(sorted(rendered), sorted(built('overlays/plain').items))
  })

  test('ok/values change image, settings, replicas and volume', () => {
    const values = [
      ...['--set', 'image.registry=registry.example.com/m', '--set', 'image.tag=0.2.0'],
      ...['--set', 'connector.replicas=5', '--set', 'broker.storage=50Gi'],
      ...['--set', 'settings.PUBLIC_NAMES=devices.example.com'],
    ]
    const text = execFileSync(HELM, [...template, ...values], { encoding: 'utf8' })
    for (const wanted of [
      'image: registry.example.com/m/shadow-update:0.2.0',
      'replicas: 5',
      'storage: 50Gi',
      'PUBLIC_NAMES: devices.example.com',
    ])
      assert.ok(text.includes(wanted), wanted)
    assert.doesNotMatch(text, /docker\.io/)
  })
})

suite('a real API server', controlPlane, () => {
  let plane: ControlPlane
  before(async () => {
    plane = await ControlPlane.start()
    await define(plane)
  })
  after(() => plane[Symbol.asyncDispose]())

  for (const overlay of OVERLAYS) {
    test(`ok/takes every manifest of ${overlay}`, async () => {
      const { text, items } = built(overlay)
      const { code, stdout, stderr } = await plane.kubectl(
        ['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
        text,
      )
      assert.equal(code, 0, stderr)
      assert.equal(
        stdout.split('\n').filter((line) => line.includes('(server dry run)')).length,
        items.length,
      )
      assert.doesNotMatch(stderr, /would violate PodSecurity/)
    })
  }

  test('ok/takes what the chart renders', helm, async () => {
    const text = execFileSync(HELM, ['template', 'muster', 'infra/helm/muster', '-n', 'muster'], {
      encoding: 'utf8',
    })
    const args = ['apply', '-n', 'muster', '--dry-run=server', '--validate=strict', '-f', '-']
    const { code, stderr } = await plane.kubectl(args, text)
    assert.equal(code, 0, stderr)
  })

  test('fail/a misspelt field is refused, in ours and in custom resources', async () => {
    for (const [overlay, right, wrong] of [
      ['overlays/plain', 'readOnlyRootFilesystem', 'readOnlyRootFileSystem'],
      ['overlays/openfaas', 'requests:', 'request:'],
      ['overlays/knative', 'containerConcurrency', 'containersConcurrency'],
      ['monitoring', 'jobLabel', 'joblabel'],
    ] as const) {
      const text = built(overlay).text.replaceAll(right, wrong)
      const args = ['apply', '--dry-run=server', '--validate=strict', '-f', '-']
      const { code, stderr } = await plane.kubectl(args, text)
      assert.notEqual(code, 0, overlay)
      assert.match(stderr, /unknown field/, overlay)
    }
  })

  test('ok/every pod: read-only root, limits, requests, no links of services', () => {
    for (const { kind, metadata, spec } of built('overlays/plain').items) {
      const pod = spec?.template?.spec
      if (pod === undefined) continue
      assert.equal(pod.enableServiceLinks, false, `${kind} ${metadata.name}`)
      for (const { securityContext, resources } of pod.containers) {
        assert.equal(securityContext?.readOnlyRootFilesystem, true, metadata.name)
        assert.ok(resources?.limits && resources.requests, metadata.name)
      }
    }
  })
})

/** Namespaces, and the custom resources of others. */
async function define(plane: ControlPlane): Promise<void> {
  for (const name of NAMESPACES) await plane.kubectl(['create', 'namespace', name])
  const labels = ['label', 'namespace', 'muster', 'pod-security.kubernetes.io/enforce=restricted']
  await plane.kubectl([...labels, 'pod-security.kubernetes.io/warn=restricted'])
  const files = [
    'test/support/kubernetes/openfaas-crd.yaml',
    path.join(DEFINITIONS, 'monitoring.coreos.com_servicemonitors.yaml'),
    ...globSync(path.join(DEFINITIONS, 'knative/300-resources/*.yaml')),
  ]
  for (const file of files) {
    const { code, stderr } = await plane.kubectl(['create', '-f', file])
    assert.equal(code, 0, stderr)
  }
  await until('custom resources', async () => {
    const wait = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=5s']
    return (await plane.kubectl(wait)).code === 0
  })
}
