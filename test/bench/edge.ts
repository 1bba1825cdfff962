// L3: new TLS 1.3 connections with an enrolment each, per CPU second of edge and functions together: HAProxy before the gateway against the
// embedded edge. HAProxy is Debian's, or the one that MUSTER_HAPROXY names; the figure depends on its crypto library.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { prepareEdge } from '../../infra/edge/prepare.ts'
import { createCsr } from '../../infra/demo/csr.ts'
import { newHierarchy } from '../support/authority.ts'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { haproxyVersion, newFolder, startHaproxy } from '../support/haproxy.ts'
import { ceremonySecrets, insertBootstrapToken } from '../support/identity.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { readMeters, since, treeMeterOf, untilIdle, type Meters } from './meters.ts'
import { median, type Goal } from './report.ts'

const ROUNDS = 3
const DEVICES = 800
const PARALLEL = 8
const WARM_UP = 100

type Kind = 'embedded' | 'production'

/** `count` devices that are allowed, with their requests. */
async function makeRequests(db: TestDatabase, count: number, round: string): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `${round}-${index}`)
  await db.db.unnamed(
    'allow_all',
    `insert into allowlist (value, match, max_uses, state, import_id) select id, 'device_id', 1, 'open', 0 from unnest($1::text[]) id`,
    [ids],
  )
  const token = await insertBootstrapToken(db.db, { uses: count })
  return ids.map((id) => {
    const csr = createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }), id)
    return JSON.stringify({ device_id: id, csr, hardware_rev: 'A', token: token.text })
  })
}

/** One enrolment on a connection of its own. */
function enrol(port: number, body: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const options = {
    ...{ host: '127.0.0.1', port, method: 'POST', path: '/api/v1/enroll', agent: false },
    ...{ rejectUnauthorized: false, minVersion: 'TLSv1.3' as const },
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  }
  const sent = request(options, (answer) => {
    answer.resume().on('end', () => {
      if (answer.statusCode === 200) resolve()
      else reject(new Error(`enrolment answered ${answer.statusCode}`))
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

async function enrolAll(port: number, bodies: readonly string[]): Promise<void> {
  const rest = [...bodies]
  const worker = async (): Promise<void> => {
    for (let body = rest.pop(); body !== undefined; body = rest.pop()) await enrol(port, body)
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

interface Round {
  /** Enrolments per CPU second, all together. */
  readonly rate: number
  /** CPU milliseconds of an enrolment, by process. */
  readonly each: Readonly<Record<string, number>>
}

async function measure(port: number, bodies: readonly string[], meters: Meters): Promise<Round> {
  await enrolAll(port, bodies.slice(0, WARM_UP))
  await untilIdle(meters)
  const before = readMeters(meters)
  await enrolAll(port, bodies.slice(WARM_UP))
  const used = since(before, meters)
  const count = bodies.length - WARM_UP
  const total = Object.values(used).reduce((sum, seconds) => sum + seconds, 0)
  const each = Object.fromEntries(
    Object.entries(used).map(([name, seconds]) => [name, (seconds / count) * 1000]),
  )
  return { rate: count / total, each }
}

const shown = (rounds: readonly Round[], name: string): string =>
  median(rounds.map(({ each }) => each[name] ?? 0)).toFixed(2)

function toGoal(rounds: Readonly<Record<Kind, Round[]>>): Goal {
  const ratios = rounds.production.map(({ rate }, at) => rate / (rounds.embedded[at]?.rate ?? 1))
  const rates = (kind: Kind) => Math.round(median(rounds[kind].map(({ rate }) => rate)))
  return {
    goal: 'L3',
    what: 'new TLS 1.3 connections with an enrolment each, per CPU-s, production edge / embedded edge',
    value: median(ratios),
    floor: 1.2,
    target: 1.35,
    unit: 'ratio',
    better: 'higher',
    samples: ratios,
    notes: `${haproxyVersion}; ${rates('production')} against ${rates('embedded')} per CPU-s; CPU-ms each: HAProxy ${shown(rounds.production, 'haproxy')} + functions ${shown(rounds.production, 'functions')}, embedded ${shown(rounds.embedded, 'functions')}`,
  }
}

export async function goals(): Promise<Goal[]> {
  await using database = await cloneDatabase()
  using certificates = makeClientCertificates()
  const given = mkdtempSync(path.join(tmpdir(), 'edge-bench-'))
  const root = randomBytes(32)
  const secrets = [...ceremonySecrets(newHierarchy())]
  const file = path.join(given, 'given.json')
  const text = {
    url: database.url,
    hopRoot: root.toString('base64'),
    server: certificates.server,
    secrets: Object.fromEntries(secrets.map(([name, bytes]) => [name, bytes.toString('base64')])),
  }
  writeFileSync(file, JSON.stringify(text), { mode: 0o600 })
  await using stack = startProcess('test/bench/edge-stack.ts', {}, [file])
  const ready = await until('the functions are ready', () => stack.lines[0])
  const ports: { gateway: number; edge: number } = JSON.parse(ready)
  const folder = newFolder()
  const hop = { kid: 'k1', root }
  const sources = {
    certificate: async () => certificates.server,
    hop: () => hop,
    claimAuthority: () => undefined,
  }
  await prepareEdge({ db: database.as('edge'), now: new Date() }, folder, sources)
  const env = { DIRECT: '0', GATEWAY: `127.0.0.1:${ports.gateway}` }
  await using haproxy = await startHaproxy({ folder, env })
  const functions = treeMeterOf(stack.pid)
  const meters: Readonly<Record<Kind, Meters>> = {
    embedded: { functions },
    production: { functions, haproxy: treeMeterOf(haproxy.pid) },
  }
  // Code of functions and edge is compiled while it is used: not in a round that counts.
  for (const [kind, port] of [
    ['embedded', ports.edge],
    ['production', haproxy.port],
  ] as const)
    await enrolAll(port, await makeRequests(database, DEVICES, `warm-${kind}`))
  const rounds: Record<Kind, Round[]> = { embedded: [], production: [] }
  for (let round = 0; round < ROUNDS; round += 1)
    for (const kind of ['embedded', 'production'] as const) {
      const port = kind === 'embedded' ? ports.edge : haproxy.port
      const bodies = await makeRequests(database, DEVICES, `${kind}-${round}`)
      rounds[kind].push(await measure(port, bodies, meters[kind]))
    }
  rmSync(given, { recursive: true })
  return [toGoal(rounds)]
}
