import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../../../shared/log.ts'
import { Parts } from './parts.ts'

const log = createLogger('silent')

test('fail/a part that hangs takes no other part its time', async () => {
  const parts = new Parts()
  let left = 0
  parts.add(
    'last',
    async (withinMs) => {
      left = withinMs
    },
    200,
  )
  parts.add('hangs', () => sleep(10_000, undefined, { ref: false }))
  const began = performance.now()
  await parts.close(300, log)
  assert.ok(performance.now() - began < 290)
  assert.ok(left >= 150, `${left} ms were left`)
})

test('fail/a part that throws does not keep the others', async () => {
  const parts = new Parts()
  const ended: string[] = []
  parts.add('first', async () => void ended.push('first'))
  parts.add('broken', () => Promise.reject(new Error('broken')))
  await parts.close(1000, log)
  assert.deepEqual(ended, ['first'])
})

test('ok/in the reverse order', async () => {
  const parts = new Parts()
  const ended: string[] = []
  for (const name of ['a', 'b', 'c']) parts.add(name, async () => void ended.push(name))
  await parts.close(1000, log)
  assert.deepEqual(ended, ['c', 'b', 'a'])
})
