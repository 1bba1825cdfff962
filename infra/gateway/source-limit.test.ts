import assert from 'node:assert/strict'
import test from 'node:test'
import { plainAddress, SourceLimit, sourceOf } from './source-limit.ts'

const limits = { newPerSecond: 2, burst: 3, open: 4, trusted: ['192.0.2.9'] }

function limitAt() {
  const time = { now: 0 }
  return {
    time,
    limit: new SourceLimit(
      () => limits,
      () => time.now,
    ),
  }
}

for (const [address, source] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:DB8:0:01::5', '2001:db8:0:1::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
] as const)
  test(`source/${address} counts as ${source}`, () => assert.equal(sourceOf(address), source))

test('ok/address-as-it-is-signed', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.equal(plainAddress(undefined), '')
})

test('fail/burst-then-rate', () => {
  const { time, limit } = limitAt()
  const enter = () => limit.enter('a')
  assert.deepEqual([enter(), enter(), enter(), enter()], [true, true, true, false])
  for (let index = 0; index < 3; index += 1) limit.leave('a')
  time.now = 499
  assert.equal(enter(), false)
  time.now = 1000
  assert.deepEqual([enter(), enter(), enter()], [true, true, false])
  assert.equal(limit.enter('b'), true)
})

test('fail/too-many-open', () => {
  const { time, limit } = limitAt()
  for (let index = 0; index < 4; index += 1) {
    time.now += 1000
    assert.equal(limit.enter('a'), true)
  }
  time.now += 10_000
  assert.equal(limit.enter('a'), false)
  limit.leave('a')
  assert.equal(limit.enter('a'), true)
})

test('ok/trusted-sources-have-no-limit', () => {
  const { limit } = limitAt()
  for (let index = 0; index < 50; index += 1) assert.equal(limit.enter('192.0.2.9'), true)
})

test('many sources: those that are idle and whole are forgotten', () => {
  const { time, limit } = limitAt()
  for (let index = 0; index < 30_000; index += 1) {
    time.now += 1
    const source = `10.0.${index >> 8}.${index & 255}`
    if (limit.enter(source)) limit.leave(source)
  }
  assert.ok(limit.size < 12_000)
})
