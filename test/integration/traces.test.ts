// Traces from the edge and from the connector to the database, with a collector's stand-in; what they are when off, and when nobody takes them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { traceHeaders } from '../../shared/trace.ts'
import { recordTraces } from '../../shared/trace/record.ts'
import { droppedSpans } from '../../shared/trace/span-export.ts'
import { insertDevice } from '../support/certificate.ts'
import { makeClientCertificates, type ClientCertificates } from '../support/client-certificates.ts'
import { startCollector, type CollectedSpan, type Collector } from '../support/collector.ts'
import { device, silentLog } from '../support/connector.ts'
import { EdgeClient } from '../support/edge-client.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { startMounted, type Mounted } from '../support/mounted.ts'
import { Muster } from '../support/muster.ts'
import { needs } from '../support/needs.ts'
import { insertToken } from '../support/operator.ts'
import { freePorts } from '../support/ports.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { startShadowFleet } from '../support/shadow-fleet.ts'
import { until } from '../support/until.ts'

const THEIRS = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACEPARENT = `traceparent: 00-${THEIRS}-00f067aa0ba902b7-01\r\n`

let database: TestDatabase
let certificates: ClientCertificates
let muster: Mounted
let edge: EdgeClient
let token = ''

before(async () => {
  database = await cloneDatabase()
  certificates = makeClientCertificates()
  muster = await startMounted(database, certificates, ['shadow-update', 'register', 'pki'])
  edge = new EdgeClient(muster.edgePort, certificates)
  await insertDevice(database.db, 'd1')
  token = await insertToken(database.db, 'ops', ['operate'])
})
after(async () => {
  await muster[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  certificates[Symbol.dispose]()
})

/** An operator's write through the edge; the status. */
async function desire(n: number): Promise<number> {
  const body = JSON.stringify({ state: { desired: { n } } })
  const headers = `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n${TRACEPARENT}`
  const head = `PATCH /api/v1/devices/d1/shadow HTTP/1.1\r\nHost: localhost\r\n${headers}`
  const text = `${head}Content-Length: ${body.length}\r\n\r\n${body}`
  return (await edge.send(text)).status
}

const of = (spans: readonly CollectedSpan[], part: string, name: string) =>
  spans.filter((span) => span.part === part && span.name === name)

/** All spans of the trace that the span with no parent began. */
function traceOf(spans: readonly CollectedSpan[], root: CollectedSpan | undefined) {
  assert.ok(root !== undefined, `no root among ${spans.map(({ name }) => name).join(', ')}`)
  assert.equal(root.parentSpanId, undefined)
  const own = spans.filter(({ traceId }) => traceId === root.traceId)
  const ids = new Set(own.map(({ spanId }) => spanId))
  for (const { name, parentSpanId } of own)
    assert.ok(parentSpanId === undefined || ids.has(parentSpanId), `${name} has a foreign parent`)
  assert.deepEqual(
    own.filter(({ parentSpanId }) => parentSpanId === undefined),
    [root],
  )
  return own
}

/** The function below a span, and the statements below the function. */
function functionBelow(trace: readonly CollectedSpan[], caller: CollectedSpan, name: string) {
  const [invocation] = of(trace, name, name)
  assert.ok(invocation !== undefined)
  assert.equal(invocation.parentSpanId, caller.spanId)
  assert.equal(invocation.kind, 2)
  const statements = trace.filter((span) => span.attributes['db.system.name'] === 'postgresql')
  for (const { part, parentSpanId } of statements) {
    assert.equal(part, name)
    assert.equal(parentSpanId, invocation.spanId)
  }
  return { invocation, statements: statements.map((span) => span.name) }
}

async function recorded(collector: Collector, work: () => Promise<void>): Promise<void> {
  const recording = recordTraces(collector.url, 1, silentLog)
  try {
    await work()
  } finally {
    await recording.close(2000)
  }
  assert.deepEqual(collector.faults, [])
}

test('ok/off-no-header-goes-on-and-the-client-s-is-not-its-own-to-say', async () => {
  muster.asked.length = 0
  assert.equal(await desire(1), 200)
  assert.deepEqual(traceHeaders(), {})
  assert.equal(muster.asked.length, 1)
  for (const { request } of muster.asked) assert.equal(request.headers.get('traceparent'), null)
})

test('ok/off-nothing-of-it-is-loaded-with-a-function', async () => {
  const { outputs } = await bundleFunction('pki', false)
  const started = new Set<string>()
  const take = (file: string): void => {
    if (started.has(file)) return
    started.add(file)
    for (const { path: next, kind } of outputs[file]?.imports ?? [])
      if (kind === 'import-statement') take(next)
  }
  take(Object.keys(outputs).find((file) => path.basename(file) === 'index.mjs') ?? '')
  const inputs = (files: Iterable<string>) =>
    [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}))
  assert.ok(inputs(started).includes('shared/trace.ts'))
  const recording = (name: string) => name.startsWith('shared/trace/')
  assert.deepEqual(inputs(started).filter(recording), [])
  assert.ok(inputs(Object.keys(outputs)).some(recording))
})

test('ok/a-request-is-one-trace-from-the-edge-to-the-database', async () => {
  await using collector = await startCollector()
  await recorded(collector, async () => assert.equal(await desire(2), 200))
  const { spans } = collector
  assert.equal(
    spans.some(({ traceId }) => traceId === THEIRS),
    false,
  )
  const [root] = of(spans, 'edge', 'PATCH /api/v1/devices/{id}/shadow')
  const trace = traceOf(spans, root)
  assert.ok(root !== undefined)
  const { invocation, statements } = functionBelow(trace, root, 'shadow-update')
  assert.equal(root.attributes['http.response.status_code'], 200)
  assert.equal(root.attributes['muster.call_id'], invocation.attributes['muster.call_id'])
  assert.ok(statements.includes('shadows_write'), statements.join())
  // Nothing of what was written, and no name of a device or secret of an operator.
  assert.doesNotMatch(JSON.stringify(spans), new RegExp(`"d1"|devices/d1|${token}|desired`))
})

test(
  'ok/an-update-is-one-trace-from-the-connector-to-the-database',
  needs('mosquitto', hasMosquitto),
  async () => {
    await using collector = await startCollector()
    await using fleet = await startShadowFleet(['d1'])
    await using one = await device(fleet.broker, 'd1', ['devices/d1/shadow/update/accepted'])
    await recorded(collector, async () => {
      const update = JSON.stringify({ state: { reported: { a: 1 } } })
      await one.client.publishAsync('devices/d1/shadow/update', update, { qos: 1 })
      await until('accepted', () => one.messages.length > 0)
    })
    const roots = of(collector.spans, 'connector', 'call shadow-update')
    assert.equal(roots.length, 1)
    const [root] = roots
    const trace = traceOf(collector.spans, root)
    assert.ok(root !== undefined)
    assert.equal(root.kind, 3)
    assert.equal(root.attributes['messaging.batch.message_count'], 1)
    const { statements } = functionBelow(trace, root, 'shadow-update')
    assert.ok(statements.includes('shadows_write'), statements.join())
  },
)

test('ok/a-collector-that-is-gone-changes-no-answer', async () => {
  const [port = 0] = await freePorts(1)
  const dropped = async () =>
    (await droppedSpans.get()).values.reduce((sum, { value }) => sum + value, 0)
  const earlier = await dropped()
  const recording = recordTraces(`http://127.0.0.1:${port}`, 1, silentLog)
  try {
    for (let n = 0; n < 20; n++) assert.equal(await desire(100 + n), 200)
  } finally {
    await recording.close(1000)
  }
  // Each is edge, function and at least one statement.
  assert.ok((await dropped()) - earlier >= 60)
})

test('ok/a-collector-that-says-nothing-holds-up-neither-answers-nor-the-end', async () => {
  const sockets = new Set<Socket>()
  const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  assert.ok(typeof address === 'object' && address !== null)
  const recording = recordTraces(`http://127.0.0.1:${address.port}`, 1, silentLog)
  try {
    // More than one batch.
    for (let n = 0; n < 100; n++) assert.equal(await desire(300 + n), 200)
    assert.equal(sockets.size, 1)
    const began = performance.now()
    await recording.close(200)
    assert.ok(performance.now() - began < 5000)
  } finally {
    await recording.close(1)
    for (const socket of sockets) socket.destroy()
    silent.close()
  }
})

test('ok/npm-start-is-traced-as-configured', async () => {
  await using collector = await startCollector()
  await using own = await Muster.create({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
  })
  await own.start()
  assert.equal((await own.api('GET', '/api/v1/devices')).status, 200)
  assert.match((await own.api('GET', '/metrics')).text, /muster_trace_spans_dropped_total/)
  assert.equal(await own.end('SIGTERM'), 0)
  assert.deepEqual(collector.faults, [])
  const [root] = of(collector.spans, 'edge', 'GET /api/v1/devices')
  const trace = traceOf(collector.spans, root)
  assert.ok(root !== undefined)
  assert.ok(functionBelow(trace, root, 'register').statements.length > 0)
})
