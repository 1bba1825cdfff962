import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachAlone, gather } from './gather.ts'

test('fail/gather one item fails alone, a batch together', async () => {
  const half = gather<number, number>(10, async (items) =>
    items.map((item) => (item % 2 === 0 ? { value: item } : { error: new Error(`odd ${item}`) })),
  )
  const settled = await Promise.allSettled([half(0), half(1), half(2)])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const none = gather<number, number>(10, () => Promise.reject(new Error('all')))
  const all = await Promise.allSettled([none(0), none(1)])
  assert.ok(all.every(({ status }) => status === 'rejected'))
})

test('ok/gather what comes while a batch runs is the next batch', async () => {
  const sizes: number[] = []
  const gate = Promise.withResolvers<void>()
  const call = gather<number, number>(4, async (items) => {
    sizes.push(items.length)
    if (sizes.length === 1) await gate.promise
    return items.map((item) => ({ value: item * 2 }))
  })
  const first = call(1)
  await new Promise((resolve) => setImmediate(resolve))
  const rest = Array.from({ length: 6 }, (_, i) => call(i))
  gate.resolve()
  assert.deepEqual(await Promise.all([first, ...rest]), [2, 0, 2, 4, 6, 8, 10])
  assert.deepEqual(sizes, [1, 4, 2])
})

test('ok/each alone keeps order and errors apart', async () => {
  const outcomes = await eachAlone([1, 2], async (item) => {
    if (item === 1) throw new Error('one')
    return item
  })
  assert.ok(outcomes[0]?.error instanceof Error)
  assert.equal(outcomes[1]?.value, 2)
})
