import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delta } from './delta.ts'
import type { Tree } from './document.ts'

const cases: [name: string, desired: Tree | undefined, reported: Tree | undefined, found: Tree | undefined][] = [
  ['no desired', undefined, { a: 1 }, undefined],
  ['no reported: all of desired', { a: 1 }, undefined, { a: 1 }],
  ['equal', { a: 1, o: { b: [1, { c: 2 }] } }, { a: 1, o: { b: [1, { c: 2 }] } }, undefined],
  ['only in reported', { a: 1 }, { a: 1, b: 2 }, undefined],
  ['absent key', { a: 1, b: 2 }, { a: 1 }, { b: 2 }],
  ['different', { a: 1 }, { a: 2 }, { a: 1 }],
  ['nested: only what differs', { o: { a: 1, b: 2 } }, { o: { a: 1, b: 3 } }, { o: { b: 2 } }],
  ['array whole', { a: [1, 2] }, { a: [1, 3] }, { a: [1, 2] }],
  ['array longer', { a: [1] }, { a: [1, 2] }, { a: [1] }],
  ['type changed, whole', { a: { b: 1 } }, { a: 1 }, { a: { b: 1 } }],
  ['object against array', { a: {} }, { a: [] }, { a: {} }],
  ['empty object missing', { d: {} }, {}, { d: {} }],
  ['empty object there', { d: {} }, { d: { x: 1 } }, undefined],
  ['1 and 1.0', { a: 1 }, { a: 1.0 }, undefined],
  ['-0 and 0', { a: -0 }, { a: 0 }, undefined],
  ['false and absent', { a: false }, {}, { a: false }],
  ['long integers', { a: 12345678901234567890n }, { a: 12345678901234567891n }, { a: 12345678901234567890n }],
  ['the same number in two ways', { a: 100000000000000000000n }, { a: 1e20 }, undefined],
  ['what every object inherits', { toString: 1, constructor: 2 }, {}, { toString: 1, constructor: 2 }],
] // prettier-ignore

for (const [name, desired, reported, found] of cases) {
  test(`ok/delta: ${name}`, () => assert.deepEqual(delta(desired, reported), found))
}

test('ok/delta of __proto__', () => {
  const desired: Tree = JSON.parse('{"__proto__":{"x":1},"o":{"__proto__":1}}')
  assert.equal(JSON.stringify(delta(desired, {})), JSON.stringify(desired))
  assert.equal(delta(desired, JSON.parse('{"__proto__":{"x":1},"o":{"__proto__":1}}')), undefined)
})
