import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { readTar, writeTar, type Entry } from './tar.ts'

const file = (path: string, text = ''): Entry => ({
  type: 'file',
  path,
  mode: 0o644,
  data: Buffer.from(text),
})

test('ok/what is written is read back, with the folders above it, in the order of paths', () => {
  const entries: Entry[] = [
    file('b/c', 'content'),
    { type: 'symlink', path: 'a', target: 'b/c' },
    { type: 'folder', path: 'b', mode: 0o700 },
  ]
  assert.deepEqual(readTar(writeTar(entries)), [
    { type: 'symlink', path: 'a', target: 'b/c' },
    { type: 'folder', path: 'b', mode: 0o700 },
    file('b/c', 'content'),
  ])
})

test('ok/the same entries in another order are the same archive', () => {
  const entries = [file('x', '1'), file('y', '2'), file('z/w', '3')]
  assert.deepEqual(writeTar(entries), writeTar(entries.toReversed()))
})

test('ok/GNU tar lists it, also a path of more than 100 bytes', () => {
  const long = `${'folder/'.repeat(20)}file`
  const listed = execFileSync('tar', ['-tvf', '-'], { input: writeTar([file(long, 'x')]) })
  assert.match(listed.toString(), new RegExp(`-rw-r--r-- 0/0 +1 1970-01-01 00:00 ${long}`))
})

test('fail/a path that fits no header', () => {
  assert.throws(() => writeTar([file('x'.repeat(200))]), /path too long/)
})
