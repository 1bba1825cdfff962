import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { PacketMeter, PacketTooLarge } from './broker-meter.ts'

function packet(bytes: number): Buffer {
  const header = [0x30]
  for (let rest = bytes; ;) {
    header.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
    if (rest === 0) break
  }
  // 0xff everywhere in the body: read as a header it would be refused.
  return Buffer.concat([Buffer.from(header), Buffer.alloc(bytes, 0xff)])
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

test('fail/one-byte-too-many-is-refused-at-its-header', () => {
  const meter = new PacketMeter(1000)
  meter.feed(packet(1000))
  assert.throws(() => meter.feed(packet(1001).subarray(0, 3)), PacketTooLarge)
})

test('fail/a-length-without-end', () => {
  const endless = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])
  assert.throws(() => new PacketMeter(2 ** 28).feed(endless), PacketTooLarge)
})

test('ok/any-packets-in-any-pieces', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 6 })
  const cut = fc.integer({ min: 1, max: 40_000 })
  fc.assert(
    fc.property(sizes, cut, (bytes, size) => {
      const meter = new PacketMeter(70_000)
      for (const piece of inPieces(Buffer.concat(bytes.map(packet)), size)) meter.feed(piece)
      assert.throws(() => meter.feed(packet(70_001)), PacketTooLarge)
    }),
    { numRuns: 50 },
  )
})
