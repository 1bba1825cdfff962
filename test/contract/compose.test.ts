// The compose file, without an engine: as its generator writes it, as the specification's own reader takes it, and guarded as it says.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { COMPOSE_FILE, composeText } from '../../infra/compose/generate.ts'
import { imageSources } from '../../infra/image/catalogue.ts'
import { run, type Ran } from '../support/exec.ts'
import { needs } from '../support/needs.ts'

interface Service {
  readonly image: string
  readonly restart?: string
  readonly mem_limit?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>>
}

const text = readFileSync(COMPOSE_FILE, 'utf8')
const { services }: { services: Record<string, Service> } = parse(text)
const tools = process.env['MUSTER_TOOLS'] ?? path.join(homedir(), '.cache/muster-tools')
const READER = path.join(tools, 'cmd-v2.16.2/cmd')
const JOBS = new Set(['secrets', 'database'])

/** Reads a compose file as Docker does, with a name given. */
async function read(content: string): Promise<Ran> {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-compose-'))
  try {
    const file = path.join(folder, 'compose.yaml')
    writeFileSync(file, content.replaceAll(/\$\{PUBLIC_NAMES:\?[^}]*\}/g, 'muster.example.com'))
    return await run(READER, [file], { cwd: folder })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('ok/the committed file is what the generator writes', async () => {
  assert.equal(text, await composeText())
})

const there = needs('compose-go', existsSync(READER))
test('ok/the reader of the compose specification takes it', there, async () => {
  const { code, stderr } = await read(text)
  assert.equal(code, 0, stderr)
})

test('fail/a misspelt key, a number that is none: the reader refuses them', there, async () => {
  for (const [from, to] of [
    ['mem_limit: 2g', 'memlimit: 2g'],
    ['pids_limit: 200', 'pids_limit: many'],
  ] as const) {
    assert.ok(text.includes(from))
    const { code } = await read(text.replace(from, to))
    assert.notEqual(code, 0, to)
  }
})

test('ok/every service is watched, bounded, started again, without capabilities and on a read-only root', () => {
  for (const [name, service] of Object.entries(services)) {
    assert.match(service.mem_limit ?? '', /^\d+[mg]$/, name)
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.equal(service.restart, JOBS.has(name) ? 'on-failure:5' : 'unless-stopped', name)
    if (JOBS.has(name)) assert.equal(service.healthcheck?.disable, true)
    else assert.equal(service.healthcheck?.test?.[0], 'CMD', name)
  }
})

test('ok/images are our own by name, or PostgreSQL by version; each part mounts its own secrets alone', async () => {
  const known = new Set((await imageSources()).map(({ name }) => `docker.io/muster/${name}:0.1.0`))
  for (const [name, { image, volumes = [] }] of Object.entries(services)) {
    assert.ok(known.has(image) || image === 'docker.io/library/postgres:18', image)
    const parts = volumes.flatMap((each) => /^\.\/data\/parts\/([^:]+):/.exec(each)?.[1] ?? [])
    assert.deepEqual(
      parts.filter((each) => each !== 'objects'),
      JOBS.has(name) ? [] : [name],
    )
  }
})

test('ok/the host opens HTTPS and MQTT over TLS, nothing else', () => {
  const open = Object.values(services).flatMap(({ ports = [] }) => ports)
  assert.deepEqual(open.toSorted(), ['8443:8443', '8883:8883'])
})

test('ok/who waits, waits for a service that there is', () => {
  const awaited = Object.values(services).flatMap(({ depends_on: on = {} }) => Object.keys(on))
  assert.deepEqual([...new Set(awaited)].toSorted(), ['database', 'postgres', 'secrets'])
  for (const name of awaited) assert.ok(name in services, name)
})
