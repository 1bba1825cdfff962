// HAProxy in operation: limits before the handshake, slow clients, files and keys changed while it runs, reloads under load, metrics, log, MQTT by ALPN.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get as httpsGet } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { edgeTexts, writeEdgeFiles } from '../../infra/edge/files.ts'
import { openRuntime, RuntimeFault } from '../../infra/edge/runtime.ts'
import { hopKeysOf } from '../../infra/edge/state.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { createLogger } from '../../shared/log.ts'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { openFunctions, startBefore, testState, type Functions } from '../support/edge-behind.ts'
import { EdgeClient, EST, HOST, seen } from '../support/edge-client.ts'
import { echo } from '../support/edge.ts'
import { hasHaproxy, isOld, type Haproxy } from '../support/haproxy.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { startNameServer } from '../support/name-server.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { collect, openTls } from '../support/wire.ts'

const certificates = makeClientCertificates()
const firstCrls = certificates.crls
after(() => certificates[Symbol.dispose]())

/** How each of so many connections, one after the other, ended: `open` after its handshake, or an error. */
async function connectTimes(count: number, port: number, host = '127.0.0.1'): Promise<string[]> {
  const ends: string[] = []
  for (let index = 0; index < count; index += 1) {
    const opened = openTls({ port, tls: { host } }).then(
      (socket) => {
        socket.destroy()
        return 'open'
      },
      () => 'refused',
    )
    ends.push(await opened)
  }
  return ends
}

const times = (count: number, word: string) => Array.from({ length: count }, () => word)

suite('one HAProxy', needs('haproxy', hasHaproxy), () => {
  let functions: Functions
  let haproxy: Haproxy
  let client: EdgeClient
  before(async () => {
    functions = await openFunctions()
    haproxy = await startBefore(functions, certificates)
    client = new EdgeClient(haproxy.port, certificates)
  })
  after(async () => {
    await haproxy[Symbol.asyncDispose]()
    await functions[Symbol.asyncDispose]()
  })
  const runtime = () => openRuntime(haproxy.folder, haproxy.folder)

  test('limits change while it runs: new connections of one address, before the handshake', async () => {
    const { tell } = runtime()
    await haproxy.admin('clear table st_source')
    await tell('limits.map', 'open 1000000\nburst 5\n')
    assert.deepEqual(await connectTimes(8, haproxy.port), [
      ...times(5, 'open'),
      ...times(3, 'refused'),
    ])
    await tell('trusted-sources', '127.0.0.1\n2001:db8::/64\n')
    assert.deepEqual(await connectTimes(3, haproxy.port), times(3, 'open'))
    await tell('trusted-sources', '')
    assert.deepEqual(await connectTimes(1, haproxy.port), ['refused'])
    await haproxy.admin('clear table st_source')
    await tell('limits.map', 'open 3\nburst 1000000\n')
    const held = await Promise.all(times(3, '').map(() => openTls({ port: haproxy.port })))
    assert.deepEqual(await connectTimes(1, haproxy.port), ['refused'])
    for (const socket of held) socket.destroy()
    await until(
      'their places are free',
      async () => (await connectTimes(1, haproxy.port))[0] === 'open',
    )
    await tell('limits.map', 'open 1000000\nburst 1000000\n')
  })

  test('hop keys rotate without a reload', async () => {
    const state = testState(certificates)
    const other = hopKeysOf({ kid: 'k2', root: Buffer.alloc(32, 7) })
    const hop = async () =>
      new Map((await seen(client.get(`${EST}x`))).headers).get('muster-hop')?.slice(0, 9)
    assert.equal(await hop(), '1 k1 edge')
    await runtime().tell('hop-keys.map', edgeTexts({ ...state, hopKeys: other })['hop-keys.map'])
    assert.equal(await hop(), '1 k2 edge')
    await runtime().tell('hop-keys.map', edgeTexts(state)['hop-keys.map'])
    assert.equal((await seen(client.get(`${EST}x`))).proven, true)
  })

  test('a function without a key: 503, and the others serve on', async () => {
    const keys = edgeTexts(testState(certificates))['hop-keys.map']
    await runtime().tell('hop-keys.map', keys.replace(/^est .*\n/m, ''))
    const answer = await client.get(`${EST}x`)
    assert.equal(answer.status, 503)
    assert.equal(JSON.parse(answer.body).code, 'function.unavailable')
    assert.ok((await seen(client.get('/'))).proven)
    await runtime().tell('hop-keys.map', keys)
  })

  test('CRL and authorities change by the socket; open connections stay', async () => {
    const kept = await openTls({ port: haproxy.port })
    assert.equal((await seen(client.get(`${EST}x`, '', { as: 'dev2' }))).verdict, 'ok')
    const { tell } = runtime()
    await tell('clients.crl', certificates.revoke('dev2'))
    assert.equal((await client.get(`${EST}x`, '', { as: 'dev2' })).status, 0)
    assert.equal((await seen(client.get(`${EST}x`, '', { as: 'dev1' }))).verdict, 'ok')
    const { authorities } = testState(certificates)
    await tell('clients.pem', authorities.replace(certificates.authority('vendor'), ''))
    assert.equal((await client.get(`${EST}x`, '', { as: 'idevid' })).status, 0)
    await tell('clients.pem', authorities)
    assert.equal((await seen(client.get(`${EST}x`, '', { as: 'idevid' }))).verdict, 'ok')
    kept.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    assert.equal((await collect(kept, 400)).status, 200)
  })

  test('fail/what cannot be read leaves the old one in force', async () => {
    const { tell } = runtime()
    await assert.rejects(tell('clients.pem', 'rubbish'), RuntimeFault)
    await assert.rejects(tell('clients.crl', 'rubbish'), RuntimeFault)
    assert.equal((await seen(client.get(`${EST}x`, '', { as: 'dev1' }))).verdict, 'ok')
  })

  test('log: a line of JSON for each request, with the call id that the function saw', async () => {
    const { callId } = await seen(client.get(`${EST}log?x="y%22`, '', { as: 'dev1' }))
    const line = await until('the line is written', () =>
      haproxy.lines.find((each) => each.includes(callId)),
    )
    const entry: Record<string, unknown> = JSON.parse(line)
    assert.deepEqual(
      [entry['target'], entry['function'], entry['status'], entry['verdict'], entry['source']],
      [`${EST}log?x="y%22`, 'est', 200, 'ok', '127.0.0.1'],
    )
  })

  test('metrics for Prometheus on an address of their own', async () => {
    const metrics = await fetch(`http://127.0.0.1:${haproxy.metricsPort}/metrics`)
    assert.match(await metrics.text(), /haproxy_frontend_http_requests_total\{proxy="edge"\} \d/)
    assert.equal((await fetch(`http://127.0.0.1:${haproxy.metricsPort}/ready`)).status, 200)
    assert.equal((await client.get('/metrics')).body.includes('haproxy_'), false)
  })

  test(
    'reloads under load: no connection is dropped, no request fails',
    { timeout: 60_000 },
    async () => {
      const load = startLoad(haproxy.port)
      for (let round = 0; round < 3; round += 1) {
        await sleep(500)
        await haproxy.reload()
      }
      await sleep(700)
      const { fresh, kept, failed } = await load.stop()
      assert.deepEqual(failed, [])
      assert.ok(fresh > 20 && kept > 50, `${fresh} new, ${kept} kept`)
    },
  )

  test('a reload takes a new server certificate and all else from the files', async () => {
    const kept = await openTls({ port: haproxy.port })
    const next = certificates.leaf('serverAuth')
    await writeEdgeFiles(
      haproxy.folder,
      testState(certificates, { server: next.cert + next.key, crls: firstCrls }),
    )
    await haproxy.reload()
    await until('the new certificate is shown', async () => {
      const fresh = await openTls({ port: haproxy.port })
      const { subject } = fresh.getPeerCertificate()
      fresh.destroy()
      return subject.CN === 'dev-1'
    })
    assert.equal((await client.get(`${EST}x`, '', { as: 'dev2' })).status, 200)
    kept.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
    assert.equal((await collect(kept, 400)).status, 200)
  })
})

interface Load {
  stop(): Promise<{ fresh: number; kept: number; failed: string[] }>
}

/** Two clients on kept connections and two that open one for each request, until stopped. */
function startLoad(port: number): Load {
  const stopped = new AbortController()
  const counts = { fresh: 0, kept: 0, failed: [] as string[] }
  const run = async (kind: 'fresh' | 'kept') => {
    const agent = new Agent({ keepAlive: kind === 'kept', maxSockets: 1 })
    while (!stopped.signal.aborted) {
      const error = await once(port, agent)
      if (error === '') counts[kind] += 1
      else counts.failed.push(`${kind}: ${error}`)
    }
    agent.destroy()
  }
  const runs = (['kept', 'kept', 'fresh', 'fresh'] as const).map(run)
  return {
    stop: async () => {
      stopped.abort()
      await Promise.all(runs)
      return counts
    },
  }
}

function once(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/', agent, rejectUnauthorized: false }
    const request = httpsGet(options, (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode === 200 ? '' : `${response.statusCode}`))
      response.on('error', (error) => resolve(error.message))
    })
    request.on('error', (error) => resolve(error.message))
  })
}

test('IPv6 is counted by /64, IPv4 by address', needs('haproxy', hasHaproxy), async (t) => {
  if (!networkInterfaces()['lo']?.some(({ family }) => family === 'IPv6'))
    return t.skip('no IPv6 on the loopback')
  await using functions = await openFunctions()
  const [port = 0] = await freePorts(1)
  const env = { EDGE_BIND: `127.0.0.1:${port},[::1]:${port}` }
  await using haproxy = await startBefore(functions, certificates, { env })
  const opened = await Promise.all(
    ['127.0.0.1', '::1'].map((host) => openTls({ port, tls: { host } })),
  )
  const table = await haproxy.admin('show table st_source')
  for (const socket of opened) socket.destroy()
  const keys = [...table.matchAll(/key=(\S+)/g)].map(([, key]) => key)
  // 3.0 takes ::1, which is in ::/96, for an IPv4 address.
  const local = isOld ? '::' : '::ffff:0.0.0.1'
  assert.deepEqual(new Set(keys), new Set([local, '::ffff:127.0.0.1']))
  return undefined
})

test(
  'slow clients end: silent, half a hello, dribbled head and body',
  needs('haproxy', hasHaproxy),
  async () => {
    await using functions = await openFunctions()
    const edit = (text: string) =>
      text
        .replace('timeout http-request 10s', 'timeout http-request 1s')
        .replace('wait-for-body time 10s', 'wait-for-body time 1s')
        .replace('timeout client 35s', 'timeout client 2s')
        .replace('timeout client-hs 5s', 'timeout client-hs 1s')
    await using haproxy = await startBefore(functions, certificates, { edit })
    const { port } = haproxy
    const started = performance.now()
    const tcp = (bytes?: Buffer) =>
      new Promise<void>((resolve) => {
        const socket = connectTcp(port, '127.0.0.1', () => bytes && socket.write(bytes))
        socket.on('error', () => undefined).on('close', () => resolve())
        socket.resume()
      })
    const dribble = async (head: string, bit: string) => {
      const socket = await openTls({ port })
      socket.write(head)
      const timer = setInterval(() => socket.write(bit), 200)
      const { status } = await collect(socket, 8000)
      clearInterval(timer)
      return status
    }
    const [, , head, body] = await Promise.all([
      tcp(),
      tcp(Buffer.from('160301020001', 'hex')),
      dribble(`GET ${EST}x HTTP/1.1\r\n`, 'X-A: b\r\n'),
      dribble(`POST ${EST}x HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n`, 'A'),
    ])
    assert.deepEqual([head, body], [408, 408])
    assert.ok(performance.now() - started < 7500)
  },
)

test(
  'through the gateway (DIRECT=0): paths arrive as sent; a gateway that is gone is a 503 problem',
  needs('haproxy', hasHaproxy),
  async () => {
    const gateway = await startGateway({ port: 0, dispatch: echo, log: createLogger('silent') })
    const env = { DIRECT: '0', GATEWAY: `127.0.0.1:${gateway.port}` }
    await using haproxy = await startBefore({ env }, certificates)
    const client = new EdgeClient(haproxy.port, certificates)
    const target = `${EST}a%2Fb//c/../d%00?q=%2f`
    const it = await seen(client.get(target, '', { as: 'dev1' }))
    assert.deepEqual(
      [it.target, it.functionName, it.proven, it.verdict],
      [target, 'est', true, 'ok'],
    )
    await gateway.close(0)
    const { status, body, text } = await client.get(target, '', { waitMs: 8000 })
    assert.equal(status, 503, text)
    assert.equal(JSON.parse(body).code, 'function.unavailable')
    assert.match(text, /\r\nRetry-After: 1\r\n/)
  },
)

test(
  'names of functions are looked up while it runs (RESOLVER)',
  needs('haproxy', hasHaproxy),
  async () => {
    await using names = await startNameServer()
    names.say([])
    await using functions = await openFunctions()
    const named = Object.entries(functions.env).map(([name, address]) => [
      name,
      address.replace('127.0.0.1:', `${name.toLowerCase().replaceAll('_', '-')}.test:`),
    ])
    const env = { ...Object.fromEntries(named), DIRECT: '1', RESOLVER: `127.0.0.1:${names.port}` }
    await using haproxy = await startBefore({ env }, certificates)
    const client = new EdgeClient(haproxy.port, certificates)
    assert.equal((await client.get(`${EST}x`, '', { waitMs: 8000 })).status, 503)
    names.say(['127.0.0.1'])
    await until('the address is known', async () => (await client.get(`${EST}x`)).status === 200)
    assert.ok((await seen(client.get(`${EST}x`))).proven)
  },
)

test(
  'the door: HTTPS and MQTT on one port, by ALPN; the limit counts before it',
  needs('mosquitto', hasHaproxy && hasMosquitto),
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'door-'))
    const write = (name: string, text: string) => {
      writeFileSync(path.join(folder, name), text)
      return path.join(folder, name)
    }
    const extra = [
      `cafile ${write('ca.pem', certificates.authority('devnew'))}`,
      `certfile ${write('server.pem', certificates.server.cert)}`,
      `keyfile ${write('server.key', certificates.server.key)}`,
      'require_certificate true',
      'use_identity_as_username true',
    ]
    await using mosquitto = await startMosquitto({ extra })
    await using functions = await openFunctions()
    const env = { DOOR: '1', BROKER_TLS: `127.0.0.1:${mosquitto.port}` }
    await using haproxy = await startBefore(functions, certificates, { env })
    const client = new EdgeClient(haproxy.port, certificates)
    const it = await seen(client.get(`${EST}x`, '', { as: 'dev1' }))
    assert.deepEqual([it.proven, it.verdict, it.source], [true, 'ok', '127.0.0.1'])
    const mqtt = (identity: object) =>
      connectAsync(`mqtts://127.0.0.1:${haproxy.port}`, {
        ...identity,
        ALPNProtocols: ['mqtt'],
        rejectUnauthorized: false,
        reconnectPeriod: 0,
      } as Parameters<typeof connectAsync>[1] & object)
    const device = await mqtt(certificates.leaf('dev1'))
    assert.ok(device.connected)
    await device.endAsync()
    await assert.rejects(mqtt({}))
    await openRuntime(haproxy.folder, haproxy.folder).tell('limits.map', 'open 1000000\nburst 0\n')
    assert.deepEqual(await connectTimes(1, haproxy.port), ['refused'])
    rmSync(folder, { recursive: true })
  },
)
