import assert from 'node:assert/strict'
import test from 'node:test'
import type { SlotClass } from '../../shared/mqtt/topics.ts'
import { hereFrame, holdingsOf, Peers } from './peers.ts'

const CLASSES: readonly SlotClass[] = ['shadow', 'ota', 'enroll', 'presence']
const slotsOf = (...cells: readonly string[]) =>
  CLASSES.flatMap((slotClass) => cells.map((cell) => ({ cell, slotClass })))
const held = (n: number) => ({ shadow: n, ota: n, enroll: n, presence: n })
const said = (holder: string, n: number) => hereFrame(holder, held(n)).payload

function heard(...of: readonly [cell: string, holder: string, n: number][]) {
  const clock = { now: 0 }
  const peers = new Peers('me', () => clock.now)
  for (const [cell, holder, n] of of) peers.hear(cell, said(holder, n))
  return { peers, clock }
}

test('ok/one slot of each class goes to who holds two fewer', () => {
  const { peers } = heard(['a', 'other', 0], ['b', 'other', 0], ['c', 'other', 0])
  assert.deepEqual(peers.surplus(slotsOf('a', 'b', 'c')), slotsOf('c'))
})

test('ok/shares that differ by one stay', () => {
  const { peers } = heard(['a', 'other', 1], ['b', 'other', 1], ['c', 'other', 1])
  assert.deepEqual(peers.surplus(slotsOf('a', 'b')), [])
})

test('ok/alone, or once the other was silent for long, nobody gets any', () => {
  const { peers, clock } = heard(['a', 'other', 0], ['a', 'me', 0])
  clock.now = 5001
  assert.deepEqual(peers.surplus(slotsOf('a', 'b', 'c')), [])
  assert.deepEqual(heard(['a', 'me', 0]).peers.surplus(slotsOf('a', 'b', 'c')), [])
})

test('ok/only a broker that the other reaches', () => {
  const { peers } = heard(['a', 'other', 0])
  assert.deepEqual(peers.surplus(slotsOf('a', 'b', 'c')), slotsOf('a'))
})

test('fail/what is no word of a connector changes nothing', () => {
  const { peers } = heard()
  for (const text of ['', '{', '{}', '{"holder":"x","held":{"shadow":-1}}']) peers.hear('a', text)
  assert.deepEqual(peers.surplus(slotsOf('a', 'b', 'c')), [])
})

test('ok/holdings are counted by class', () => {
  assert.deepEqual(holdingsOf(slotsOf('a', 'b')), held(2))
})
