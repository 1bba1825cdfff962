import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  checkTree,
  children,
  content,
  DerError,
  element,
  MAX_DEPTH,
  only,
  TAG,
} from './der-read.ts'
import { bitString, integerOf, octetString, oid, sequence, time, tlv } from './der-write.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const text = (at: string) => time(new Date(at)).toString('latin1')
const check = (hex: string) => {
  const der = bytes(hex)
  checkTree(der, only(der, der.readUInt8(0)))
}

const FAULTY: Readonly<Record<string, string>> = {
  'indefinite length': '30 80 00 00',
  'length in two bytes that fits one': '04 81 01 00',
  'length with leading zero': `04 82 00 80 ${'00'.repeat(128)}`,
  'length of five bytes': '04 85 00 00 00 00 01 00',
  'longer than the buffer': '04 05 00',
  'child longer than its parent': '30 03 04 02 00',
  'cut off after the tag': '30 03 02 01 00 04',
  'bytes behind the end': '05 00 00',
  'tag of several bytes': '1f 81 01 00',
  'end of contents': '30 02 00 00',
  'string in pieces': '24 04 04 02 00 00',
  'primitive sequence': '10 00',
  'constructed integer': '22 03 02 01 00',
  'boolean of 1': '01 01 01',
  'boolean of two bytes': '01 02 ff ff',
  'empty integer': '02 00',
  'integer with a needless zero': '02 02 00 7f',
  'integer with a needless ff': '02 02 ff 80',
  'null with content': '05 01 00',
  'empty bit string': '03 00',
  'bit string with 8 unused bits': '03 02 08 00',
  'bit string with unused bits set': '03 02 01 01',
  'object identifier with leading zero': '06 03 55 80 01',
  'object identifier cut off': '06 02 55 83',
  'empty object identifier': '06 00',
  'UTF-8 cut off': '0c 01 c3',
  'UTF-8 overlong': '0c 02 c0 80',
  'UTF-8 surrogate': '0c 03 ed a0 80',
  'star in a printable string': '13 01 2a',
  'umlaut in an IA5 string': '16 01 fc',
  'UTCTime without seconds': '17 0b 32 36 30 31 30 31 30 30 30 30 5a',
}

for (const [name, hex] of Object.entries(FAULTY)) {
  test(`fail/der ${name}`, () => assert.throws(() => check(hex), DerError))
}

test('fail/der deeper than the limit', () => {
  let der: Buffer = Buffer.from([TAG.null, 0])
  for (let depth = 1; depth < MAX_DEPTH; depth++) der = sequence(der)
  checkTree(der, only(der, TAG.sequence))
  const deeper = sequence(der)
  assert.throws(() => checkTree(deeper, only(deeper, TAG.sequence)), /deeper/)
})

test('fail/der a mebibyte of nested sequences ends at the limit, not at the stack', () => {
  const der = Buffer.alloc(1 << 20, Buffer.from([0x30, 0x80]))
  assert.throws(() => checkTree(der, element(der, 0, der.length)), DerError)
})

test('ok/der lengths around every boundary are read back', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_215, 16_777_216]) {
    const der = octetString(Buffer.alloc(length))
    assert.equal(content(der, only(der, TAG.octetString)).length, length)
  }
})

test('ok/der object identifiers match the published bytes', () => {
  assert.equal(oid('1.2.840.113549.1.9.16.2.61').toString('hex'), '060b2a864886f70d010910023d')
  assert.equal(oid('2.5.29.19').toString('hex'), '0603551d13')
  assert.equal(oid('2.999').toString('hex'), '06028837')
})

test('ok/der times turn to GeneralizedTime in 2050', () => {
  assert.equal(text('2049-12-31T23:59:59.999Z'), '\x17\x0d491231235959Z')
  assert.equal(text('2050-01-01T00:00:00Z'), '\x18\x0f20500101000000Z')
})

test('ok/der integers are minimal and positive', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 200n }), (value) => {
      const der = integerOf(value)
      const found = only(der, TAG.integer)
      checkTree(der, found)
      assert.equal(BigInt(`0x${content(der, found).toString('hex')}`), value)
    }),
  )
})

test('ok/der random bytes throw DerError or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      const der = Buffer.from(random)
      try {
        checkTree(der, only(der, der[0] ?? 0))
      } catch (error) {
        assert.ok(error instanceof DerError)
      }
    }),
    { numRuns: 5000 },
  )
})

test('ok/der what is written is read', () => {
  const der = sequence(integerOf(7), tlv(0x81, Buffer.from('x')), bitString(Buffer.from('y')))
  const [first, second, third] = children(der, only(der, TAG.sequence))
  assert.deepEqual([first?.tag, second?.tag, third?.tag], [TAG.integer, 0x81, TAG.bitString])
})
