import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { openLink, type Link, type LinkOptions } from '../../infra/connector/link.ts'
import type { Publication } from '../../infra/connector/packet-reader.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

/** Longer than what a broker has for its CONNACK. */
const LONGER_MS = 5500

interface Heard {
  readonly messages: Publication[]
  readonly lost: string[]
}

async function open(url: string, options: Partial<LinkOptions> = {}) {
  const heard: Heard = { messages: [], lost: [] }
  const link = await openLink({
    address: { url },
    clientId: 'link',
    clean: false,
    onMessage: (message) => heard.messages.push(message),
    onClose: (reason) => heard.lost.push(reason),
    onDrain: () => undefined,
    ...options,
  })
  return { link, heard }
}

const told = (link: Link, payload: string): Promise<number> =>
  new Promise((resolve) =>
    link.publish({ topic: 'link/t', qos: 1, retain: false, payload }, resolve),
  )

test('ok/a connection lasts, and what is not acknowledged comes again', mosquitto, async () => {
  await using broker = await startMosquitto()
  const { link, heard } = await open(broker.url)
  await link.subscribe(['link/t'], { qos: 1, retainHandling: 1 })
  await sleep(LONGER_MS)
  assert.equal(await told(link, 'first'), 0)
  assert.equal(await told(link, 'second'), 0)
  await until('both', () => heard.messages.length === 2)
  const [first] = heard.messages
  assert.ok(first?.packet)
  link.acknowledge(first.packet)
  await link.end()
  assert.deepEqual(heard.lost, ['connection lost'])
  const { link: again, heard: after } = await open(broker.url)
  assert.equal(again.sessionPresent, true)
  await until('the second again', () => after.messages.length === 1)
  assert.deepEqual(
    after.messages.map(({ payload, dup }) => [payload.toString(), dup]),
    [['second', true]],
  )
  await again.end()
})

test('fail/a broker that does not answer is given up after 5 s', async () => {
  const silent = createServer((socket) => socket.resume())
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address: AddressInfo | string | null = silent.address()
  assert.ok(typeof address === 'object' && address)
  await assert.rejects(open(`mqtt://127.0.0.1:${address.port}`), /no CONNACK within 5 s/)
  silent.close()
})

test('fail/a broker that speaks something else is refused', async () => {
  const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const address: AddressInfo | string | null = http.address()
  assert.ok(typeof address === 'object' && address)
  await assert.rejects(open(`mqtt://127.0.0.1:${address.port}`), Error)
  http.close()
})
