import assert from 'node:assert/strict'
import test from 'node:test'
import { deriveHopKey, parseHopKeys } from '../../shared/hop/keys.ts'
import { parseHopRoot } from '../connector/hop-root.ts'
import { callerSecrets, functionSecrets, type Installation } from './parts.ts'

const installation = (...hopKids: [string, ...string[]]): Installation => ({
  secrets: {},
  hopRoot: Buffer.alloc(32, 7),
  hopKids,
  database: 'db:5432/muster',
})
const keysOf = (given: Installation, name: string) =>
  parseHopKeys(functionSecrets(given, name)['hop-keys'] ?? '')
const rootOf = (secrets: Readonly<Record<string, string>>) =>
  parseHopRoot(Buffer.from(secrets['hop-root'] ?? ''))

test('ok/while-rotated-callees-take-both-kids-and-callers-sign-with-the-first', () => {
  const all: [string, ...string[]][] = [['k1'], ['k1', 'k2'], ['k2', 'k1'], ['k2']]
  for (const kids of all) {
    const given = installation(...kids)
    const keys = keysOf(given, 'pki')
    assert.deepEqual(
      keys.map(({ kid, caller }) => `${kid} ${caller}`),
      kids.flatMap((kid) =>
        ['edge', 'connector', 'enroll', 'est', 'register', 'admin'].map((one) => `${kid} ${one}`),
      ),
    )
    for (const caller of ['edge', 'connector', 'enroll'] as const) {
      const own =
        caller === 'enroll' ? functionSecrets(given, caller) : callerSecrets(given, caller)
      const { kid, root } = rootOf(own)
      assert.equal(kid, kids[0])
      const known = keys.find((key) => key.kid === kid && key.caller === caller)
      assert.deepEqual(known?.key, deriveHopKey(root, caller, 'pki'))
    }
  }
})

test('ok/every-kid-and-every-caller-has-a-key-of-its-own', () => {
  const keys = ['pki', 'enroll', 'register'].flatMap((name) =>
    keysOf(installation('k1', 'k2'), name).map(({ key }) => key.toString('hex')),
  )
  assert.equal(new Set(keys).size, keys.length)
})

test('fail/a-function-gets-no-root-of-another-one-and-most-get-none', () => {
  assert.equal(functionSecrets(installation('k1'), 'shadow-update')['hop-root'], undefined)
  const { root } = rootOf(functionSecrets(installation('k1'), 'enroll'))
  assert.ok(!root.equals(rootOf(callerSecrets(installation('k1'), 'edge')).root))
  assert.ok(!root.equals(Buffer.alloc(32, 7)))
})
