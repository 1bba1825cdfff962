import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { generate, parser, type Packet } from 'mqtt-packet'
import { PacketFault, PacketReader, type Publication } from './packet-reader.ts'
import { PacketWriter } from './packet-writer.ts'

const VERSIONS = [4, 5] as const

type Seen = Publication | { puback: number; code: number } | { other: string }

function reading(version: 4 | 5) {
  const seen: Seen[] = []
  const reader = new PacketReader(version, {
    publish: (publication) => seen.push(publication),
    puback: (puback, code) => seen.push({ puback, code }),
    other: ({ cmd }) => seen.push({ other: cmd }),
  })
  return { seen, reader }
}

/** What is written, as the library reads it. */
async function written(version: 4 | 5, write: (writer: PacketWriter) => void): Promise<Packet[]> {
  const stream = new PassThrough()
  const packets: Packet[] = []
  const library = parser({ protocolVersion: version })
  library.on('packet', (packet: Packet) => packets.push(packet))
  stream.on('data', (chunk: Buffer) => library.parse(chunk))
  write(new PacketWriter(stream, version))
  await turn()
  await turn()
  return packets
}

const topic = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter((text) => {
  return !/[+#\0]/.test(text) && text.isWellFormed()
})
const payload = fc.uint8Array({ maxLength: 90_000, size: 'max' }).map((bytes) => Buffer.from(bytes))
const packetId = fc.integer({ min: 1, max: 65_535 })

for (const version of VERSIONS) {
  test(`ok/what-is-written-is-mqtt-${version}`, async () => {
    const frames = fc.array(
      fc.record({
        topic,
        payload: fc.oneof(payload, fc.string({ unit: 'grapheme' })),
        qos: fc.constantFrom(0 as const, 1 as const),
        retain: fc.boolean(),
        packet: packetId,
      }),
      { minLength: 1, maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(frames, async (all) => {
        const packets = await written(version, (writer) => {
          for (const { packet, ...frame } of all) {
            writer.publish(frame, packet)
            writer.acknowledge(packet)
          }
        })
        assert.equal(packets.length, all.length * 2)
        for (const [index, frame] of all.entries()) {
          const publish = packets[index * 2]
          assert.ok(publish?.cmd === 'publish')
          assert.equal(publish.topic, frame.topic)
          assert.deepEqual(publish.payload, Buffer.from(frame.payload))
          assert.equal(publish.qos, frame.qos)
          assert.equal(publish.retain, frame.retain)
          if (frame.qos === 1) assert.equal(publish.messageId, frame.packet)
          const puback = packets[index * 2 + 1]
          assert.ok(puback?.cmd === 'puback')
          assert.equal(puback.messageId, frame.packet)
        }
      }),
      { numRuns: 15 },
    )
  })

  test(`ok/mqtt-${version}-is-read-however-it-is-cut`, () => {
    const packets = fc.array(
      fc.oneof(
        fc.record({
          cmd: fc.constant('publish' as const),
          topic,
          payload,
          qos: fc.constantFrom(0 as const, 1 as const),
          dup: fc.boolean(),
          retain: fc.boolean(),
          messageId: packetId,
        }),
        fc.record({ cmd: fc.constant('puback' as const), messageId: packetId }),
        fc.constant({ cmd: 'pingresp' as const }),
      ),
      { minLength: 1, maxLength: 10 },
    )
    fc.assert(
      fc.property(packets, fc.integer({ min: 1, max: 70_000 }), (all, cut) => {
        const bytes = Buffer.concat(
          all.map((packet) =>
            generate(
              packet.cmd === 'publish'
                ? { ...packet, dup: packet.dup && packet.qos === 1 }
                : packet,
              { protocolVersion: version },
            ),
          ),
        )
        const { seen, reader } = reading(version)
        const step = Math.max(cut, Math.ceil(bytes.length / 500))
        for (let at = 0; at < bytes.length; at += step) reader.take(bytes.subarray(at, at + step))
        const expected = all.map((packet): Seen => {
          if (packet.cmd === 'puback') return { puback: packet.messageId, code: 0 }
          if (packet.cmd === 'pingresp') return { other: 'pingresp' }
          const { qos, messageId, dup, retain } = packet
          return {
            topic: packet.topic,
            payload: packet.payload,
            packet: qos === 0 ? null : messageId,
            dup: dup && qos === 1,
            retain,
          }
        })
        assert.deepEqual(seen, expected)
      }),
      { numRuns: 25 },
    )
  })
}

test('ok/properties-of-a-publication-are-passed-over-and-reasons-read', () => {
  const { seen, reader } = reading(5)
  const options = { protocolVersion: 5 }
  const properties = { contentType: 'a/b', userProperties: { x: 'y'.repeat(200) } }
  const publish = { cmd: 'publish', topic: 't', payload: 'p', qos: 1, messageId: 7 } as const
  reader.take(generate({ ...publish, dup: false, retain: false, properties }, options))
  reader.take(generate({ cmd: 'puback', messageId: 9, reasonCode: 0x97 }, options))
  reader.take(Buffer.from([0x40, 2, 0, 8]))
  assert.deepEqual(seen, [
    { topic: 't', payload: Buffer.from('p'), packet: 7, dup: false, retain: false },
    { puback: 9, code: 0x97 },
    { puback: 8, code: 0 },
  ])
})

const FAULTS = [
  { name: 'length-of-five-bytes', bytes: [0x30, 0x80, 0x80, 0x80, 0x80, 1] },
  { name: 'topic-longer-than-the-packet', bytes: [0x30, 3, 0, 9, 0x61] },
  { name: 'no-topic', bytes: [0x30, 3, 0, 0, 0] },
  { name: 'qos-2', bytes: [0x34, 6, 0, 1, 0x61, 0, 1, 0] },
  { name: 'qos-3', bytes: [0x36, 6, 0, 1, 0x61, 0, 1, 0] },
  { name: 'no-packet-identifier', bytes: [0x32, 3, 0, 1, 0x61] },
  { name: 'properties-longer-than-the-packet', bytes: [0x30, 4, 0, 1, 0x61, 9] },
  { name: 'puback-of-one-byte', bytes: [0x40, 1, 0] },
  { name: 'reserved-type', bytes: [0x00, 0] },
]
for (const { name, bytes } of FAULTS) {
  test(`fail/${name}-is-a-fault-of-the-broker`, () => {
    const { seen, reader } = reading(5)
    assert.throws(() => reader.take(Buffer.from(bytes)), PacketFault)
    assert.deepEqual(seen, [])
  })
}
