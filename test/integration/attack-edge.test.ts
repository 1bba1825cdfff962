// Attacks 1 to 9, 19 and 47 on edge, gateway and hop proof, at the default limits, before a real function.
import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import test, { after } from 'node:test'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { MOUNTED_HOP, startMounted } from '../support/mounted.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { openTls, sendText } from '../support/wire.ts'

const HOST = 'Host: localhost\r\n'
const DEVICES = '/api/v1/devices'

const certificates = makeClientCertificates()
const database = await cloneDatabase()
await database.db.unnamed('defaults', 'delete from settings', [])
const muster = await startMounted(database, certificates, ['register'])
const reader = await insertToken(database.db, 'reader', ['read'])
const operator = await insertToken(database.db, 'operator', ['operate'])
const groupsOnly = await insertToken(database.db, 'groups', ['operate:groups'])
after(async () => {
  await muster[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  certificates[Symbol.dispose]()
})

interface Sent {
  readonly method?: string
  readonly target?: string
  readonly callee?: string
  readonly caller?: string
  readonly token?: string
  readonly body?: string
  readonly now?: Date
  /** Headers that are changed after signing. */
  readonly changed?: Record<string, string>
  readonly sentBody?: string
}

interface Signed {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
}

/** What a caller with its key would send to the gateway. */
function signed(sent: Sent): Signed {
  const { method = 'GET', target = DEVICES, callee = 'register', caller = 'edge', body } = sent
  const proof = signHop({
    key: { kid: MOUNTED_HOP.kid, key: deriveHopKey(MOUNTED_HOP.root, caller, callee) },
    caller,
    callee,
    now: sent.now ?? new Date(),
    method,
    target,
    contentType: body === undefined ? undefined : 'application/json',
    source: '198.51.100.1',
    body: body === undefined ? undefined : hashBody(body),
  })
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const headers = { ...proof, ...type, Authorization: `Bearer ${sent.token ?? reader}` }
  const shown = sent.sentBody ?? body
  return { method, headers: { ...headers, ...sent.changed }, ...(shown && { body: shown }) }
}

async function statusAt(path: string, init: RequestInit): Promise<number> {
  const response = await fetch(muster.gatewayUrl + path, init)
  await response.arrayBuffer()
  return response.status
}

/** Bytes to the gateway, and the first of what comes back. */
function plain(text: string): Promise<string> {
  const { port, hostname } = new URL(muster.gatewayUrl)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connectTcp(Number(port), hostname, () => socket.write(text))
  socket.on('error', reject)
  socket.on('data', (chunk: Buffer) => {
    resolve(chunk.toString())
    socket.destroy()
  })
  return promise
}

const register = (init: RequestInit) => statusAt('/function/register', init)
const edge = (text: string) => sendText(text, { port: muster.edgePort })

test('a signed call passes: the refusals below are not of another cause', async () => {
  assert.equal(await register(signed({})), 200)
  const created = signed({
    method: 'POST',
    token: operator,
    body: '{"device_id":"a1","hardware_rev":"A"}',
  })
  assert.equal(await register(created), 201)
})

test('attack 1: no hop, with X-Topic: 401, the body unread', async () => {
  const head = `X-Topic: devices/d1/status\r\nX-Connector: muster\r\nContent-Type: application/json\r\n`
  const text = await plain(
    `POST /function/register HTTP/1.1\r\n${HOST}${head}Content-Length: 100\r\n\r\n{`,
  )
  assert.match(text, /^HTTP\/1.1 401 /)
  assert.equal(await statusAt('/async-function/register', {}), 404)
})

test('attack 2: certificate headers of every proxy, at every port, with `_` too', async () => {
  const device = certificates.leaf('dev1').cert.replace(/-----[^-]+-----|\s/g, '')
  const names =
    `Client-Cert client_cert Client-Cert-Chain X-SSL-Client-Cert ssl-client-cert SSL_CLIENT_CERT
    X-Forwarded-Client-Cert x_forwarded_client_cert X-Forwarded-Tls-Client-Cert X-Client-Cert X-ARR-ClientCert
    X-Amzn-Mtls-Clientcert X-SSL-Cert Muster-Hop muster_hop`.split(/\s+/)
  for (const name of names) {
    assert.equal(
      await register({ headers: { [name]: `:${device}:` } }),
      name.match(/^muster-hop$/i) ? 400 : 401,
      name,
    )
    muster.asked.length = 0
    const { status } = await edge(`GET ${DEVICES} HTTP/1.1\r\n${HOST}${name}: :${device}:\r\n\r\n`)
    assert.equal(status, 401, name)
    const headers = JSON.stringify([...(muster.asked[0]?.request.headers ?? [])])
    assert.ok(!headers.includes(device.slice(0, 40)), name)
  }
})

test('attack 3: a call that is replayed after 31 seconds', async () => {
  assert.equal(await register(signed({ now: new Date(Date.now() - 29_000) })), 200)
  assert.equal(await register(signed({ now: new Date(Date.now() - 31_000) })), 401)
  assert.equal(await register(signed({ now: new Date(Date.now() + 31_000) })), 401)
})

test("attack 4: another callee's hop", async () => {
  assert.equal(await register(signed({ callee: 'pki' })), 401)
})

test('attack 5: target, body, type, topic, method, source changed', async () => {
  const body = '{"device_id":"a2","hardware_rev":"A"}'
  const post = { method: 'POST', token: operator, body }
  for (const changed of [
    { 'Muster-Target': '/api/v1/groups' },
    { 'Content-Type': 'text/plain' },
    { 'X-Topic': 'devices/d1/status' },
    { 'X-Forwarded-For': '198.51.100.2' },
    { 'Client-Cert': ':AAAA:' },
  ] as Record<string, string>[])
    assert.equal(await register(signed({ ...post, changed })), 401, JSON.stringify(changed))
  const sentBody = body.replace('a2', 'a3')
  assert.equal(await register(signed({ ...post, sentBody })), 401)
  assert.equal(await register({ ...signed(post), method: 'PUT' }), 401)
  const ids = await database.db.unnamed(
    'ids',
    `select device_id from devices where device_id in ('a2', 'a3')`,
    [],
  )
  assert.deepEqual(ids, [])
})

test('attack 6: the connector on public paths; the edge on inner ones', async () => {
  assert.equal(await register(signed({ caller: 'connector' })), 403)
  for (const target of ['/internal/issue', '/mqtt', '/cron?tick=1'])
    assert.equal(await register(signed({ method: 'POST', target, body: '{}' })), 403, target)
  assert.equal(await register(signed({ caller: 'enroll', method: 'POST', body: '{}' })), 403)
  for (const target of ['/internal/issue', '/mqtt', '/cron?tick=1', '/function/register'])
    assert.equal(
      (await edge(`POST ${target} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)).status,
      404,
      target,
    )
})

test('attack 7: a header of the hop twice', async () => {
  const { headers } = signed({})
  for (const name of ['Muster-Hop', 'Muster-Target', 'X-Forwarded-For']) {
    const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`)
    lines.push(`${name.toLowerCase()}: ${headers[name] ?? ''}\r\n`)
    const text = await plain(`GET /function/register HTTP/1.1\r\n${HOST}${lines.join('')}\r\n`)
    assert.match(text, /^HTTP\/1.1 400 /, name)
  }
})

test('attack 8: %2F, //, .. and \\ open no other path; the URL of the gateway says nothing', async () => {
  for (const target of [
    '/api/v1/devices/a%2Fb',
    '/api/v1//devices',
    '/api/v1/groups/..%2Fdevices',
    '/api/v1/groups/%2e%2e/devices',
    '/api/v1/groups/../devices',
    '/api/v1/groups/x\\..\\..\\devices',
    '/api/v1/groups/%2e%2e%5cdevices',
    '/api/v1/%64evices',
    '/api/v1/devices/',
    '/API/v1/devices',
  ]) {
    const body = '{"device_id":"a8","hardware_rev":"A"}'
    const head = `Authorization: Bearer ${groupsOnly}\r\nContent-Type: application/json\r\n`
    const { status, text } = await edge(
      `POST ${target} HTTP/1.1\r\n${HOST}${head}Content-Length: ${body.length}\r\n\r\n${body}`,
    )
    assert.ok([400, 403, 404, 405].includes(status), `${target}: ${text}`)
  }
  assert.deepEqual(
    await database.db.unnamed('a8', `select from devices where device_id = 'a8'`, []),
    [],
  )
  const group = signed({ target: '/api/v1/groups', token: groupsOnly })
  for (const path of ['/function/register/api/v1/devices', '/function/register?x=/api/v1/devices'])
    assert.equal(await statusAt(path, group), 200)
})

test('attack 9: X-Forwarded-For moves no bucket', async () => {
  const one = async (index: number) => {
    const header = `X-Forwarded-For: 203.0.113.${index % 256}\r\nX-Real-IP: 203.0.113.7\r\n`
    const { end, status } = await edge(
      `GET /nothing HTTP/1.1\r\n${HOST}${header}Connection: close\r\n\r\n`,
    )
    return status === 0 ? end : String(status)
  }
  const seen = new Set<string>()
  for (let round = 0; round < 15; round += 1)
    for (const it of await Promise.all(Array.from({ length: 20 }, (_, at) => one(round * 20 + at))))
      seen.add(it)
  assert.deepEqual(
    seen,
    new Set(['404', 'ECONNRESET']),
    'some pass, then the address has had enough',
  )
  muster.asked.length = 0
  await new Promise((resolve) => setTimeout(resolve, 500))
  await edge(`GET ${DEVICES} HTTP/1.1\r\n${HOST}X-Forwarded-For: 203.0.113.9\r\n\r\n`)
  assert.equal(muster.asked[0]?.request.headers.get('x-forwarded-for'), '127.0.0.1')
})

test('attack 19: silent sockets end, and others are served meanwhile', async () => {
  const started = performance.now()
  const silent = Array.from({ length: 40 }, async () => {
    await new Promise<void>((resolve) => {
      const socket = connectTcp(muster.edgePort, '127.0.0.1')
      socket.on('error', () => undefined).on('close', () => resolve())
      socket.resume()
    })
    return performance.now() - started
  })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const socket = await openTls({ port: muster.edgePort })
  socket.destroy()
  const ends = await Promise.all(silent)
  assert.ok(Math.max(...ends) < 12_000)
})

async function postText(headers: string, body: string): Promise<number> {
  const head = `Authorization: Bearer ${operator}\r\nContent-Type: application/json\r\n${headers}`
  return (await edge(`POST ${DEVICES} HTTP/1.1\r\n${HOST}${head}\r\n${body}`)).status
}

test('attack 47: gzip, depth 10,000, __proto__, chunked oversize', async () => {
  const sized = (body: string) => postText(`Content-Length: ${body.length}\r\n`, body)
  assert.equal(await postText('Content-Encoding: gzip\r\nContent-Length: 2\r\n', '{}'), 415)
  assert.equal(await sized(`${'['.repeat(10_000)}${']'.repeat(10_000)}`), 400)
  assert.equal(await sized(`{"device_id":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`), 400)
  const polluted = '{"device_id":"a47","hardware_rev":"A","__proto__":{"scope":["admin"]}}'
  assert.equal(await sized(polluted), 400)
  assert.equal(Object.hasOwn(Object.prototype, 'scope'), false)
  const chunk = `${(1000).toString(16)}\r\n${' '.repeat(1000)}\r\n`
  assert.equal(
    await postText('Transfer-Encoding: chunked\r\n', `${chunk.repeat(70)}0\r\n\r\n`),
    413,
  )
  assert.equal(await sized('{"device_id":"\xff"}'), 400)
  assert.deepEqual(
    await database.db.unnamed('a47', `select from devices where device_id = 'a47'`, []),
    [],
  )
})
