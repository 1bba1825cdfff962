// Attackers within: a front function with all that it holds itself, and another workload of the cluster that holds nothing, before the
// bundles as processes behind the stand-ins for watchdog and gateway. What a function's login reaches: postgres-credentials.test.ts.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { bundleWatchdog } from '../../infra/build/watchdog.ts'
import { parseHopRoot } from '../../infra/connector/hop-root.ts'
import { functionNames } from '../../infra/function/names.ts'
import { callerSecrets, functionSecrets, type Installation } from '../../infra/setup/parts.ts'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey, parseHopKeys } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { newHierarchy } from '../support/authority.ts'
import { startGatewayStandIn, type GatewayStandIn } from '../support/gateway-stand-in/server.ts'
import { ceremonySecrets } from '../support/identity.ts'
import { insertToken } from '../support/operator.ts'
import { freePorts } from '../support/ports.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { Replicas } from '../support/replicas.ts'
import { until } from '../support/until.ts'

const FUNCTIONS = ['pki', 'enroll', 'register', 'shadow-update'] as const
const CALLERS = ['edge', 'connector', 'enroll', 'est', 'register', 'admin', 'pki'] as const
const MUST_PROVE = 401
const MAY_NOT = 403

const stack = new AsyncDisposableStack()
const installation: Installation = {
  secrets: Object.fromEntries(
    [...ceremonySecrets(newHierarchy())].map(([name, bytes]) => [name, bytes.toString()]),
  ),
  hopRoot: randomBytes(32),
  hopKids: ['k1'],
  database: 'nowhere:5432/muster',
}
let database: TestDatabase
let functions: Replicas
let gateway: GatewayStandIn

const folder = mkdtempSync(path.join(tmpdir(), 'inside-'))
stack.defer(() => rmSync(folder, { recursive: true, force: true }))

/** What a function finds in its environment: its own secrets as files, its database. */
function environmentOf(name: string): Record<string, string> {
  const own = path.join(folder, name)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  const env: Record<string, string> = { DATABASE_URL: database.url, LOG_LEVEL: 'silent' }
  for (const [secret, text] of Object.entries(functionSecrets(installation, name))) {
    if (secret === 'database-url') continue
    writeFileSync(path.join(own, secret), text, { mode: 0o600 })
    env[`${secret.toUpperCase().replaceAll('-', '_')}_FILE`] = path.join(own, secret)
  }
  return env
}

before(async () => {
  database = stack.use(await cloneDatabase())
  await bundleWatchdog()
  for (const name of FUNCTIONS) await bundleFunction(name)
  functions = stack.use(new Replicas({ folder: path.join(folder, 'none') }))
  for (const service of FUNCTIONS)
    functions.deploy({
      ...{ service, image: `muster/${service}:0.1.0`, secrets: [], annotations: {}, labels: {} },
      envVars: environmentOf(service),
    })
  await functions.settled()
  const credentials = { user: 'admin', password: randomUUID() }
  gateway = stack.use(await startGatewayStandIn({ provider: functions, credentials }))
})
after(() => stack.disposeAsync())

interface Forged {
  readonly key: Buffer
  readonly caller: string
  readonly callee: string
  readonly target: string
}

/** A POST with an empty object, as whoever holds the key would sign it. */
function signed({ key, caller, callee, target }: Forged): RequestInit {
  const contentType = 'application/json'
  const proof = signHop({
    ...{ key: { kid: 'k1', key }, caller, callee, now: new Date(), method: 'POST', target },
    ...{ contentType, source: '203.0.113.9', body: hashBody('{}') },
  })
  return { method: 'POST', headers: { ...proof, 'content-type': contentType }, body: '{}' }
}

async function statusOf(callee: string, init: RequestInit): Promise<number> {
  const answer = await fetch(`${gateway.url}/function/${callee}`, init)
  await answer.arrayBuffer()
  return answer.status
}

const TARGETS: Readonly<Record<string, string>> = {
  pki: '/internal/issue',
  enroll: '/api/v1/enroll',
  register: '/api/v1/devices',
  'shadow-update': '/mqtt',
}
const rootOf = (secrets: Readonly<Record<string, string>>) =>
  parseHopRoot(Buffer.from(secrets['hop-root'] ?? '')).root
const targetOf = (callee: string) => TARGETS[callee] ?? '/'

test('fail/attack: a front function signs as nobody else by its own root', async () => {
  const root = rootOf(functionSecrets(installation, 'enroll'))
  for (const caller of CALLERS)
    for (const callee of FUNCTIONS) {
      const key = deriveHopKey(root, caller, callee)
      const status = await statusOf(
        callee,
        signed({ key, caller, callee, target: targetOf(callee) }),
      )
      const isItself = caller === 'enroll' && callee === 'pki'
      assert.equal(status === MUST_PROVE, !isItself, `${caller} > ${callee}: ${status}`)
    }
})

test('fail/attack: with the keys by which others prove themselves to it, it reaches no other one', async () => {
  const keys = parseHopKeys(functionSecrets(installation, 'shadow-update')['hop-keys'] ?? '')
  for (const { caller, key } of keys)
    for (const callee of FUNCTIONS) {
      const target = caller === 'edge' ? '/api/v1/devices/d1/shadow' : '/mqtt'
      const own = callee === 'shadow-update'
      const forged = { key, caller, callee, target: own ? target : targetOf(callee) }
      const status = await statusOf(callee, signed(forged))
      // Itself it can lie to; of a call of the edge it would then ask who the client is, so only the connector's shows it here.
      if (!own || caller === 'connector')
        assert.equal(status === MUST_PROVE, !own, `${caller} > ${callee}: ${status}`)
    }
})

test('fail/attack: of the authority it asks only what it has use for', async () => {
  const may = { enroll: '/internal/issue', register: '/internal/revoke' } as const
  for (const [caller, allowed] of Object.entries(may)) {
    const key = deriveHopKey(rootOf(functionSecrets(installation, caller)), caller, 'pki')
    const targets = ['/internal/issue', '/internal/revoke', '/internal/claim', '/internal/other']
    for (const target of [...targets, '/internal/issue/', '/pki/crl', '/mqtt', '/cron?tick=1']) {
      const status = await statusOf('pki', signed({ key, caller, callee: 'pki', target }))
      const proven = status !== MUST_PROVE
      assert.ok(proven, `${caller} ${target}`)
      assert.equal(status === MAY_NOT, target !== allowed, `${caller} ${target}: ${status}`)
    }
  }
})

test('fail/attack: a call that it was sent opens no other function, and nothing else of its own', async () => {
  const key = deriveHopKey(
    rootOf(callerSecrets(installation, 'connector')),
    'connector',
    'register',
  )
  const seen = signed({ key, caller: 'connector', callee: 'register', target: '/mqtt' })
  assert.notEqual(await statusOf('register', seen), MUST_PROVE)
  for (const callee of FUNCTIONS)
    if (callee !== 'register') assert.equal(await statusOf(callee, seen), MUST_PROVE, callee)
  for (const target of ['/cron?tick=1', '/api/v1/devices', '/internal/revoke']) {
    const headers = new Headers(seen.headers)
    headers.set('Muster-Target', target)
    assert.equal(await statusOf('register', { ...seen, headers }), MUST_PROVE, target)
  }
})

test('fail/attack: no function holds a credential of the broker, and most hold no root', async () => {
  for (const name of await functionNames()) {
    const names = Object.keys(functionSecrets(installation, name))
    assert.deepEqual(
      names.filter((each) => /mqtt|broker|service|server/.test(each)),
      [],
      name,
    )
    const calls = ['enroll', 'est', 'register', 'admin'].includes(name)
    assert.equal(names.includes('hop-root'), calls, name)
    assert.equal(names.includes('ca-issuing-key'), name === 'pki', name)
  }
})

/** As a workload would try without any proof; a token that is good at the edge is none here. */
function strangers(token: string): Record<string, string>[] {
  const made = {
    'Muster-Target': '/internal/issue',
    'X-Forwarded-For': '127.0.0.1',
    'X-Topic': 'devices/d1/shadow/update',
    'Client-Cert': ':MAo=:',
    'X-Real-Ip': '127.0.0.1',
  }
  const hop = `1 k1 edge ${Date.now()} ${randomUUID()} none - - ${randomBytes(32).toString('base64')}`
  return [{}, { authorization: `Bearer ${token}` }, made, { ...made, 'Muster-Hop': hop }]
}

test('fail/attack: another workload reaches nothing, by the gateway or past it', async () => {
  const token = await insertToken(database.db, 'ops', ['admin'])
  for (const name of FUNCTIONS) {
    const [endpoint = ''] = functions.endpoints(name) ?? []
    const bases = [`${gateway.url}/function/${name}`, `http://${endpoint}`]
    for (const base of bases)
      for (const rest of ['', '/internal/issue', '/cron', '/api/v1/devices', '/metrics', '/a%2Fb'])
        for (const headers of strangers(token))
          for (const method of ['GET', 'POST', 'DELETE']) {
            const answer = await fetch(base + rest, { method, headers })
            await answer.arrayBuffer()
            assert.equal(answer.status, MUST_PROVE, `${method} ${base}${rest}`)
          }
  }
  for (const target of ['/system/functions', '/system/secrets', '/system/info'])
    assert.equal((await fetch(gateway.url + target)).status, MUST_PROVE, target)
})

test('fail/attack: the port of the metrics tells no secret, whatever is asked of it', async () => {
  const [port = 0, metrics = 0] = await freePorts(2)
  await using running = startProcess('dist/pki/index.mjs', {
    ...environmentOf('pki'),
    PORT: String(port),
    METRICS_PORT: String(metrics),
  })
  const base = `http://127.0.0.1:${metrics}`
  await until('it answers', () =>
    fetch(base).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  assert.ok(running.alive)
  const secrets = Object.values(functionSecrets(installation, 'pki')).flatMap((text) =>
    text.split(/\s+/).filter((word) => word.length > 20),
  )
  assert.ok(secrets.length > 20)
  for (const target of ['/metrics', '/', '/internal/issue', '/debug/pprof', '/env'])
    for (const method of ['GET', 'POST']) {
      const text = await (await fetch(base + target, { method })).text()
      assert.match(text, /^# HELP/)
      for (const secret of [...secrets, database.url])
        assert.ok(!text.includes(secret), `${method} ${target}`)
    }
})
