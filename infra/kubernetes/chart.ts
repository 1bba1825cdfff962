// The Helm chart's templates: the base and the plain overlay, with what a site chooses put in by its values.
import { readFile } from 'node:fs/promises'

const BASE = ['migrate.yaml', 'connector.yaml', 'edge.yaml', 'broker.yaml', 'network.yaml']

// Named after what it holds, so that a change of settings rolls out.
const named = (name: string, values: string) =>
  `${name}-{{ toJson .Values.${values} | sha256sum | trunc 10 }}`
const SETTINGS = named('muster', 'settings')
const STORE = named('store', 'store')

function templated(text: string): string {
  return text
    .replaceAll(
      /docker\.io\/muster\/([a-z-]+):[0-9.]+/g,
      '{{ .Values.image.registry }}/$1:{{ .Values.image.tag }}',
    )
    .replaceAll(/(configMapRef:\n +name: )muster$/gm, `$1${SETTINGS}`)
    .replaceAll(/(configMapRef:\n +name: )store$/gm, `$1${STORE}`)
    .replace(/^( +)storage: 10Gi$/m, '$1storage: {{ .Values.broker.storage }}')
    .replace(/^ {2}replicas: 2$/m, '  replicas: {{ .Values.connector.replicas }}')
}

const configMap = (name: string, values: string) => `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
data:
  {{- toYaml .Values.${values} | nindent 2 }}
`

/** Templates by file name. */
export async function chartTemplates(
  root: URL,
  overlay: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const head = '# Written by infra/kubernetes/generate.ts; values are explained in values.yaml.\n'
  const base = BASE.map(async (name) => {
    const text = await readFile(new URL(`infra/kubernetes/base/${name}`, root), 'utf8')
    return [name, head + templated(text)] as const
  })
  const rest = Object.entries(overlay).map(([name, text]) => [name, templated(text)] as const)
  return Object.fromEntries([
    ...(await Promise.all(base)),
    ['settings.yaml', `${head}${configMap(SETTINGS, 'settings')}---\n${configMap(STORE, 'store')}`],
    ...rest,
  ])
}
