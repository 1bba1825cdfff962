// Every topic gets what no device should send: a verdict each, no call that fails, and nothing told to another device.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after } from 'node:test'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import * as compute from '../../functions/compute-delta/handler.ts'
import { createDeps as computeDeps } from '../../functions/compute-delta/deps.ts'
import * as register from '../../functions/register/handler.ts'
import { createDeps as registerDeps } from '../../functions/register/deps.ts'
import * as report from '../../functions/ota-report/handler.ts'
import { createDeps as reportDeps } from '../../functions/ota-report/deps.ts'
import * as shadow from '../../functions/shadow-update/handler.ts'
import { createDeps as shadowDeps } from '../../functions/shadow-update/deps.ts'
import type { Answer } from '../../shared/mqtt/delivery.ts'
import { insertDevice } from '../support/certificate.ts'
import { functionHost } from '../support/function-host.ts'
import { createSender, type TestMessage } from '../support/messages.ts'
import { cloneDatabase } from '../support/postgres.ts'

const database = await cloneDatabase()
after(() => database[Symbol.asyncDispose]())
await insertDevice(database.db, 'dev-1')
await insertDevice(database.db, 'other')
const sender = createSender(1)

type Send = (messages: readonly TestMessage[]) => Promise<Answer>
const host = (name: string) => functionHost(name, database)
const shadowReady = await shadowDeps(host('shadow-update'))
const computeReady = await computeDeps(host('compute-delta'))
const registerReady = await registerDeps(host('register'))
const reportReady = await reportDeps(host('ota-report'))
const FUNCTIONS: Record<string, Send> = {
  'shadow-update': (all) => sender.send('shadow-update', shadow.handler, shadowReady, all),
  'compute-delta': (all) => sender.send('compute-delta', compute.handler, computeReady, all),
  register: (all) => sender.send('register', register.handler, registerReady, all),
  'ota-report': (all) => sender.send('ota-report', report.handler, reportReady, all),
}

const stack: { functions: Record<string, { annotations?: { topic?: string } }> } = parse(
  readFileSync('stack.yml', 'utf8'),
)
const NAMES = ['net', 'x'.repeat(64), 'x'.repeat(65), '$', '..', 'ä', 'a b', '0', '💩']
const IDS = ['dev-1', 'unknown-1', 'x'.repeat(64)]

function topicsOf(filter: string): string[] {
  const named = filter.includes('/name/+') ? NAMES : ['']
  return IDS.flatMap((id) =>
    named.map((name) => filter.replace('+', id).replace('/name/+', `/name/${name}`)),
  )
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const PAYLOADS: readonly Buffer[] = [
  ...['', '{', 'null', '[]', '"x"', '1', 'true', '1e999', '{}{}', '{"state":', ' ', '\0'].map(
    (text) => Buffer.from(text),
  ),
  Buffer.from([0xff, 0xfe, 0x00]),
  Buffer.from('\ufeff{}'),
  Buffer.from('{}', 'utf16le'),
  json({ unknown: 1 }),
  Buffer.from('{"__proto__":{"state":1},"constructor":1}'),
  json({ state: null, version: -1, clientToken: 'x'.repeat(70) }),
  json({ state: { reported: { 'a\0': '\0' } } }),
  Buffer.from('{"state":{"reported":{"a":"\\ud800"}}}'),
  Buffer.from('{"state":{"reported":{"a":1e999}}}'),
  json({ state: { desired: { a: 1 } } }),
  json({
    state: {
      reported: Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`k${at}`, at])),
    },
  }),
  json({ state: { reported: 'x' }, version: 2 ** 53 }),
  json({ state: { reported: { firmware_ver: '\0', serial: { $ne: 1 } } }, clientToken: '\0' }),
  Buffer.from(`{"state":{"reported":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}}`),
  json({ number: -1, state: 'succeeded' }),
  json({ number: 2 ** 40, state: 'nope', progress: 1e9, messages: ['\0'], code: {} }),
  json({ number: '1', state: 'downloading', firmware_ver: '\0' }),
  json({ number: 1, offset: -5, length: 1e9 }),
  json({ connected: 'yes', firmware_ver: 5, boot_id: '\0' }),
  json({ connected: true, firmware_ver: '\0', boot_id: 'x'.repeat(5000) }),
]

type Message = TestMessage & { readonly payload?: string | Buffer }

async function check(send: Send, messages: readonly Message[]): Promise<void> {
  const { verdicts, frames } = await send(messages)
  assert.equal(verdicts.length, messages.length)
  for (const [index, verdict] of verdicts.entries()) {
    const shown = `${messages[index]?.topic} ${JSON.stringify(String(messages[index]?.payload ?? '')).slice(0, 100)} → ${verdict}`
    assert.doesNotMatch(verdict, /^retry/, shown)
  }
  for (const { item, topic, payload } of frames) {
    const owner = messages[item]?.topic.split('/')[1] ?? ''
    assert.ok(topic.startsWith(`devices/${owner}/`), `${topic} for ${owner}`)
    assert.doesNotMatch(payload.toString(), /\.ts:\d|syntax error|invalid input syntax/i)
  }
}

for (const [name, send] of Object.entries(FUNCTIONS)) {
  const filters = stack.functions[name]?.annotations?.topic?.split(',') ?? []
  for (const filter of filters.filter((each) => each.startsWith('devices/'))) {
    const topics = topicsOf(filter.trim())
    test(`bad/${name} ${filter}`, { timeout: 60_000 }, async () => {
      for (const topic of topics) {
        await check(
          send,
          PAYLOADS.map((payload) => ({ topic, payload })),
        )
        await check(send, [
          { topic, over: 413 },
          { topic, over: 429, payload: '{}' },
          { topic, dup: true, payload: '{}' },
        ])
      }
    })
    test(`fuzz/${name} ${filter}`, { timeout: 60_000 }, async () => {
      const payload = fc.oneof(
        fc.json({ maxDepth: 4 }),
        fc
          .record({
            state: fc.dictionary(fc.constantFrom('reported', 'desired', 'x'), fc.jsonValue()),
          })
          .map(json),
        fc
          .record({
            number: fc.integer(),
            state: fc.constantFrom('downloading', 'succeeded', 'failed'),
            progress: fc.double(),
          })
          .map(json),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      )
      const message = fc.record({ topic: fc.constantFrom(...topics), payload })
      await fc.assert(
        fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 30 }), (all) =>
          check(send, all),
        ),
        { numRuns: 20, endOnFailure: true },
      )
    })
  }
  const others = filters.filter((each) => each.startsWith('$SYS'))
  test(`bad/${name}: logs of the broker, topics that are none of its`, async () => {
    const topics = [
      ...others,
      'devices/dev-1/shadow/update/accepted',
      'devices//shadow/update',
      'muster/bell/dev-1',
      'muster/bell/',
      'x',
    ]
    for (const topic of topics) {
      const { frames } = await send(PAYLOADS.map((payload) => ({ topic, payload })))
      for (const frame of frames) assert.ok(!frame.topic.startsWith('devices/other/'), frame.topic)
    }
  })
}

// A name without a row may get a shadow: that its sender has a certificate is the broker's to know.
test('no other device was touched', async () => {
  const touched = `select 1 from shadows where device_id = 'other'
    union all select 1 from device_presence where device_id = 'other'
    union all select 1 from actions where device_id = 'other'`
  assert.deepEqual(await database.db.unnamed('touched', touched, []), [])
  const devices = `select device_id from devices order by device_id`
  assert.deepEqual(await database.db.unnamed('devices', devices, []), [
    { device_id: 'dev-1' },
    { device_id: 'other' },
  ])
})
