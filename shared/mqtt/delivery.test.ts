import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DomainError } from '../errors.ts'
import {
  ANSWER_BYTES,
  AnswerFault,
  BATCH_TYPE,
  decodeAnswer,
  encodeAnswer,
  encodeItem,
  joinBatch,
  parseBatch,
  type Answer,
  type Item,
} from './delivery.ts'

const item: Item = {
  index: 0,
  topic: 'devices/gw-1/shadow/update',
  payload: Buffer.from('{"state":{"reported":{"t":21}}}'),
  id: '1099511627777',
  slot: 3,
  epoch: '1',
  packet: 17,
  dup: false,
}

const request = (body: string, type = BATCH_TYPE) =>
  new Request('http://muster/mqtt', { method: 'POST', body, headers: { 'content-type': type } })

const event = (changed: Record<string, unknown>) =>
  JSON.stringify([{ ...JSON.parse(encodeItem(item)), ...changed }])

const bytesOf = async (answer: Answer) => Buffer.from(await encodeAnswer(answer).arrayBuffer())

const refusal = (code: string) => (error: unknown) =>
  error instanceof DomainError && error.code === code

test('fail/batch-of-another-type', async () => {
  await assert.rejects(
    parseBatch(request('[]', 'application/json')),
    refusal('request.unsupported_media_type'),
  )
})

test('fail/batch-malformed', async () => {
  for (const body of [
    '',
    '{}',
    '[]',
    '[1]',
    '[null]',
    '[{}]',
    event({ specversion: '0.3' }),
    event({ type: 'other' }),
    event({ id: 1 }),
    event({ id: '01' }),
    event({ id: '9223372036854775808' }),
    event({ id: '-1' }),
    event({ epoch: undefined }),
    event({ subject: '' }),
    event({ subject: 'devices/+/x' }),
    event({ subject: 'devices/a\u0000/x' }),
    event({ subject: 'devices/\ud800/x' }),
    event({ subject: 'x'.repeat(65_536) }),
    event({ slot: '3' }),
    event({ slot: 40_000 }),
    event({ packet: 0 }),
    event({ packet: 1.5 }),
    event({ dup: 1 }),
    event({ over: 500 }),
    event({ data_base64: 'AAA' }),
    event({ data_base64: 'A!==' }),
    event({ data_base64: '====' }),
    event({ data_base64: 7 }),
  ])
    await assert.rejects(parseBatch(request(body)), refusal('request.malformed'), body.slice(0, 80))
})

test('fail/batch-of-too-many-items', async () => {
  const events = Array.from({ length: 201 }, () => encodeItem(item))
  await assert.rejects(parseBatch(request(joinBatch(events))), refusal('request.too_large'))
})

test('ok/batch-arrives-as-sent', async () => {
  const topic = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .map((text) => `devices/${text.replaceAll(/[+#\0\n]/g, '_')}`)
  const any = fc.record(
    {
      index: fc.constant(0),
      topic,
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      id: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
      slot: fc.integer({ min: 0, max: 32_767 }),
      epoch: fc.bigInt({ min: 0n, max: 2n ** 23n }).map(String),
      packet: fc.option(fc.integer({ min: 1, max: 65_535 })),
      dup: fc.boolean(),
      over: fc.constant<429>(429),
    },
    { requiredKeys: ['index', 'topic', 'payload', 'id', 'slot', 'epoch', 'packet', 'dup'] },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 20 }), async (items) => {
      const sent = items.map((each, index) => ({ ...each, index }))
      const read = await parseBatch(request(joinBatch(sent.map(encodeItem))))
      assert.deepEqual(read, sent)
    }),
    { numRuns: 100 },
  )
})

test('ok/item-too-large-comes-without-payload', async () => {
  const [read] = await parseBatch(request(joinBatch([encodeItem({ ...item, over: 413 })])))
  assert.equal(read?.over, 413)
  assert.equal(read?.payload.length, 0)
})

const answer: Answer = {
  verdicts: ['done', 'duplicate', 'retry:conflict', 'dead:topic'],
  outbox: ['4711'],
  more: false,
  frames: [
    { item: 0, qos: 1, retain: false, topic: 'devices/a/shadow/delta', payload: '{"a":"\n1"}' },
    { item: 0, qos: 0, retain: true, topic: 'devices/ä/x', payload: Buffer.from([10, 0, 255]) },
    { item: 1, qos: 1, retain: false, topic: 'devices/b/shadow/update/accepted', payload: '' },
  ],
}

test('ok/answer-arrives-as-written', async () => {
  const read = decodeAnswer(await bytesOf(answer), 4)
  const frames = answer.frames.map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) }))
  assert.deepEqual(read, { ...answer, frames })
})

test('fail/answer-for-another-number-of-items', async () => {
  const bytes = await bytesOf(answer)
  assert.throws(() => decodeAnswer(bytes, 3), AnswerFault)
})

test('fail/answer-unreadable', () => {
  for (const text of [
    '',
    '{"verdicts":["done"],"outbox":[],"more":false}',
    'done\n',
    '[]\n',
    '{"verdicts":["fine"],"outbox":[],"more":false}\n',
    '{"verdicts":["done"],"outbox":[1],"more":false}\n',
    '{"verdicts":["done"],"outbox":[]}\n',
    '{"verdicts":["done"],"outbox":[],"more":false}\n0 1- 5 a/b\nabcd',
    '{"verdicts":["done"],"outbox":[],"more":false}\n1 1- 1 a/b\na',
    '{"verdicts":["done"],"outbox":[],"more":false}\n0 2- 1 a/b\na',
    '{"verdicts":["done"],"outbox":[],"more":false}\n0 1- 1 a/#\na',
    '{"verdicts":["done"],"outbox":[],"more":false}\n0 1- -1 a/b\na',
    '{"verdicts":["done"],"outbox":[],"more":false}\n0 1- 99999999 a/b\na',
    '{"verdicts":["retry:conflict"],"outbox":[],"more":false}\n0 1- 1 a/b\na',
  ])
    assert.throws(() => decodeAnswer(Buffer.from(text)), AnswerFault, text)
})

test('fail/answer-above-the-bound', () => {
  const payload = Buffer.alloc(ANSWER_BYTES)
  const frame = { item: 0, qos: 1 as const, retain: false, topic: 'a', payload }
  assert.throws(
    () => encodeAnswer({ verdicts: ['done'], outbox: [], more: false, frames: [frame] }),
    RangeError,
  )
  assert.throws(() => decodeAnswer(Buffer.alloc(ANSWER_BYTES + 1)), AnswerFault)
})

test('fuzz/decoder-throws-nothing-but-its-own-fault', async () => {
  const good = await bytesOf(answer)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(good.length),
      (changes, length) => {
        const bytes = Buffer.from(good.subarray(0, length))
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        try {
          decodeAnswer(bytes)
        } catch (error) {
          assert.ok(error instanceof AnswerFault)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('fuzz/parser-throws-nothing-but-a-refusal', async () => {
  const good = joinBatch([encodeItem(item), encodeItem({ ...item, dup: true })])
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.string({ unit: 'binary', maxLength: 2 })), {
        maxLength: 4,
      }),
      async (changes) => {
        let text = good
        for (const [at, with_] of changes) text = text.slice(0, at) + with_ + text.slice(at + 1)
        try {
          await parseBatch(request(text))
        } catch (error) {
          assert.ok(error instanceof DomainError)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
