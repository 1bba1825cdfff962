// The stand-in for of-watchdog against what of-watchdog 0.11.6 was seen to do (docs/openfaas.md), row by row.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundleWatchdog } from '../../infra/build/watchdog.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess, type Running } from '../support/processes.ts'
import { until } from '../support/until.ts'

interface Watchdog extends AsyncDisposable {
  readonly running: Running
  readonly url: string
  readonly port: number
  readonly metricsPort: number
}

const KILLED_WITH = `setpriv --pdeathsig KILL ${process.execPath}`

async function start(more: Record<string, string> = {}, isReady = true): Promise<Watchdog> {
  const [port = 0, metricsPort = 0, own = 0] = await freePorts(3)
  const running = startProcess('dist/watchdog/index.mjs', {
    mode: 'http',
    fprocess: `${KILLED_WITH} test/support/echo-function.ts`,
    http_upstream_url: `http://127.0.0.1:${own}`,
    ready_path: '/ready',
    healthcheck_interval: '400ms',
    prefix_logs: 'false',
    port: String(port),
    metrics_port: String(metricsPort),
    PORT: String(own),
    ...more,
  })
  const url = `http://127.0.0.1:${port}`
  if (isReady) await until('ready', async () => (await status(`${url}/_/ready`)) === 200)
  return {
    running,
    url,
    port,
    metricsPort,
    [Symbol.asyncDispose]: async () => void (await running.kill()),
  }
}

/** 0: nobody listens. */
const status = (url: string, init?: RequestInit): Promise<number> =>
  fetch(url, init).then(
    async (answer) => (await answer.arrayBuffer(), answer.status),
    () => 0,
  )

// What the echo function says it saw.
// oxlint-disable-next-line typescript/no-explicit-any
type Seen = any

const seen = async (url: string, init?: RequestInit): Promise<Seen> =>
  (await fetch(url, init)).json()

/** A request whose head and answer are seen as they are on the wire. */
function raw(url: string, options: object): Promise<{ answer: IncomingMessage; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    answer: IncomingMessage
    text: string
  }>()
  const sent = httpRequest(url, options, (answer) => {
    let text = ''
    answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
    answer.on('end', () => resolve({ answer, text }))
  })
  sent.on('error', reject).end()
  return promise
}

before(bundleWatchdog)

test('ok/a-body-arrives-whole-in-chunks-and-without-its-length', async () => {
  await using watchdog = await start()
  const body = randomBytes(1_000_000)
  const { headers, bytes, sha256 } = await seen(watchdog.url, { method: 'POST', body })
  assert.deepEqual([bytes, sha256], [body.length, createHash('sha256').update(body).digest('hex')])
  assert.deepEqual(
    [headers['transfer-encoding'], headers['content-length']],
    ['chunked', undefined],
  )
})

test('ok/adds-accept-encoding-that-nobody-sent-and-keeps-%2F', async () => {
  await using watchdog = await start()
  const { text } = await raw(`${watchdog.url}/a%2Fb?x=%2F`, { headers: { 'x-two': ['1', '2'] } })
  const { headers, url, rawHeaders } = JSON.parse(text)
  assert.equal(headers['accept-encoding'], 'gzip')
  assert.equal(url, '/a%2Fb?x=%2F')
  assert.equal(rawHeaders.filter((name: string) => name === 'X-Two').length, 2)
})

test('ok/several-cookies-204-304-HEAD-and-100-continue', async () => {
  await using watchdog = await start()
  const { headers } = await fetch(watchdog.url)
  assert.deepEqual(headers.getSetCookie(), ['a=1', 'b=2'])
  for (const code of [204, 304]) assert.equal(await status(`${watchdog.url}/?status=${code}`), code)
  assert.equal(await status(watchdog.url, { method: 'HEAD' }), 200)
  const { answer } = await raw(watchdog.url, {
    method: 'POST',
    headers: { expect: '100-continue' },
  })
  assert.equal(answer.statusCode, 200)
})

test('fail/without-ready_path-it-is-ready-before-the-function-and-the-first-call-is-500', async () => {
  const late = { LISTEN_AFTER_MS: '1500' }
  await using early = await start({ ...late, ready_path: '' })
  assert.equal(await status(early.url), 500)
  await using right = await start(late, false)
  await until('it lives', async () => (await status(`${right.url}/_/health`)) === 200)
  assert.equal(await status(`${right.url}/_/ready`), 500)
})

test('fail/above-max_inflight-429-and-so-is-readiness', async () => {
  await using watchdog = await start({ max_inflight: '2' })
  const slow = `${watchdog.url}/?wait=500`
  const calls = Array.from({ length: 5 }, () => status(slow))
  await sleep(250)
  assert.equal(await status(`${watchdog.url}/_/ready`), 429)
  assert.deepEqual(
    (await Promise.all(calls)).toSorted((a, b) => a - b),
    [200, 200, 429, 429, 429],
  )
})

test('fail/exec_timeout-and-X-Timeout-504-and-the-function-only-loses-its-connection', async () => {
  await using watchdog = await start({ exec_timeout: '600ms' })
  const slow = `${watchdog.url}/?wait=1500`
  const began = performance.now()
  const late = await fetch(slow)
  assert.deepEqual([late.status, await late.text()], [504, ''])
  assert.ok(performance.now() - began > 550)
  const short = await fetch(slow, { headers: { 'x-timeout': '100ms' } })
  assert.deepEqual([short.status, await short.text()], [504, ''])
  await sleep(1600)
  assert.equal((await seen(watchdog.url)).cut, 2)
})

test('fail/an-upload-slower-than-read_timeout-is-cut-without-an-answer', async () => {
  await using watchdog = await start({ read_timeout: '500ms' })
  const socket = connect(watchdog.port, '127.0.0.1')
  let answered = ''
  socket.on('data', (chunk: Buffer) => (answered += chunk.toString())).on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly so much')
  await new Promise((resolve) => {
    socket.once('close', resolve)
  })
  assert.equal(answered, '')
})

test('ok/SIGTERM-reaches-the-function-at-once-and-calls-are-taken-for-the-interval', async () => {
  await using watchdog = await start({ healthcheck_interval: '800ms' })
  const { running, url } = watchdog
  const under = status(`${url}/?wait=1200`)
  await sleep(100)
  const began = performance.now()
  const ended = running.kill('SIGTERM')
  await until('the function heard it', () => running.lines.includes('heard SIGTERM'), 1)
  assert.deepEqual([await status(url), await status(`${url}/_/health`)], [200, 503])
  assert.equal(await under, 200, 'what was under way when the interval ended')
  // It leaves when its connections have drained; this function would run for ever.
  assert.equal(await ended, 0)
  assert.ok(performance.now() - began < 10_000, 'though its caller keeps the connection')
})

test('fail/a-function-that-closes-on-SIGTERM-is-answered-500-for', async () => {
  await using watchdog = await start({ ON_SIGTERM: 'close' })
  const ended = watchdog.running.kill('SIGTERM')
  await until('it closed', async () => (await status(watchdog.url)) === 500, 1)
  assert.equal(await ended, 0)
})

test('fail/healthcheck_interval-0-never-ends', async () => {
  await using watchdog = await start({ healthcheck_interval: '0s' })
  void watchdog.running.kill('SIGTERM')
  await sleep(1000)
  assert.equal(watchdog.running.alive, true)
})

test('fail/the-call-that-ends-the-function-is-500-and-the-watchdog-ends-with-1', async () => {
  await using watchdog = await start()
  assert.equal(await status(`${watchdog.url}/?exit`), 500)
  assert.equal(await watchdog.running.exited, 1)
})

test('ok/a-log-line-a-call-and-metrics-on-a-port-of-their-own', async () => {
  await using watchdog = await start()
  await seen(`${watchdog.url}/some/path`, { method: 'POST', body: 'x' })
  const line = await until('its line', () =>
    watchdog.running.lines.find((each) => each.includes('/some/path')),
  )
  assert.match(line, / POST \/some\/path - 200 OK \(\d/)
  const text = await (await fetch(`http://127.0.0.1:${watchdog.metricsPort}/metrics`)).text()
  assert.match(text, /http_request_duration_seconds_count\{code="200",method="post"\} 1/)
})

test('fail/a-setting-that-cannot-be-used-ends-it-with-a-line', async () => {
  for (const wrong of [
    { mode: 'streaming' },
    { fprocess: '' },
    { exec_timeout: 'soon' },
    { http_upstream_url: 'x' },
  ]) {
    await using watchdog = await start(wrong, false)
    assert.equal(await watchdog.running.exited, 2)
  }
})
