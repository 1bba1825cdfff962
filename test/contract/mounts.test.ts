// Which secrets a function mounts: the setup that makes them, Kubernetes and stack.yml say the same.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { functionNames } from '../../infra/function/names.ts'
import { readPlans } from '../../infra/kubernetes/plan.ts'
import { INSTALLATION_SECRETS, mountsOf } from '../../infra/setup/mounts.ts'
import { functionSecrets } from '../../infra/setup/parts.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const NAMES = await functionNames()
const own = new Set(Object.values(INSTALLATION_SECRETS).flat())
const installation = {
  secrets: Object.fromEntries([...own].map((name) => [name, `secret ${name}`])),
  hopRoot: Buffer.alloc(32, 7),
  hopKids: ['k1'] as const,
  database: 'db:5432/muster',
}

test('ok/the setup makes what each function mounts, and nothing else', () => {
  for (const name of NAMES) {
    const made = functionSecrets(installation, name)
    assert.deepEqual(Object.keys(made).toSorted(), mountsOf(name).toSorted(), name)
    for (const [secret, text] of Object.entries(made)) assert.notEqual(text, '', secret)
  }
})

test('ok/Kubernetes mounts the same', async () => {
  const plans = await readPlans(pathToFileURL(`${ROOT}/`))
  const planned = plans.map(({ name, secrets }) => [name, secrets] as const)
  assert.deepEqual(
    Object.fromEntries(planned),
    Object.fromEntries(NAMES.map((name) => [name, mountsOf(name)])),
  )
})

test('ok/stack.yml names the same, those of one function with its name', () => {
  const stack: { functions: Record<string, { secrets: string[] }> } = parse(
    readFileSync(path.join(ROOT, 'stack.yml'), 'utf8'),
  )
  assert.deepEqual(Object.keys(stack.functions).toSorted(), NAMES.toSorted())
  for (const [name, { secrets }] of Object.entries(stack.functions)) {
    const found = secrets.map((secret) =>
      secret.endsWith(`-${name}`) ? secret.slice(0, -name.length - 1) : secret,
    )
    assert.deepEqual(found.toSorted(), mountsOf(name).toSorted(), name)
  }
})
