// node infra/kubernetes/generate.ts writes what follows from stack.yml and infra/routes.yml; a test compares.
import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { chartTemplates } from './chart.ts'
import { knativeManifests } from './knative.ts'
import { monitorManifests } from './monitors.ts'
import { networkManifests } from './network.ts'
import { openfaasManifests } from './openfaas.ts'
import { plainManifests } from './plain.ts'
import { readPlans } from './plan.ts'
import type { Manifest } from './pod.ts'

const ROOT = new URL('../../', import.meta.url)
const HEAD = '# Written by infra/kubernetes/generate.ts from stack.yml and infra/routes.yml.\n'

const textOf = (manifests: readonly Manifest[]): string =>
  HEAD +
  manifests
    .map((each) =>
      stringify(each, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false }),
    )
    .join('---\n')

const overlay = (name: string) => `infra/kubernetes/overlays/${name}`

/** Every generated file by its path in the repository. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const plans = await readPlans(ROOT)
  const functions = textOf(plainManifests(plans))
  const network = textOf(networkManifests(plans))
  const templates = await chartTemplates(ROOT, {
    'functions.yaml': functions,
    'functions-network.yaml': network,
  })
  return {
    [`${overlay('plain')}/functions.yaml`]: functions,
    [`${overlay('plain')}/network.yaml`]: network,
    [`${overlay('openfaas')}/functions.yaml`]: textOf(openfaasManifests(plans)),
    [`${overlay('knative')}/functions.yaml`]: textOf(knativeManifests(plans)),
    'infra/kubernetes/monitoring/monitors.yaml': textOf(monitorManifests()),
    ...Object.fromEntries(
      Object.entries(templates).map(([name, text]) => [
        `infra/helm/muster/templates/${name}`,
        text,
      ]),
    ),
  }
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(await generatedFiles()))
    await writeFile(new URL(file, ROOT), text)
}
