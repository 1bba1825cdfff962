import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TimesTree, Tree } from './document.ts'
import { merge, withoutNulls } from './merge.ts'

interface Case {
  readonly name: string
  readonly held: Tree
  readonly patch: Tree
  readonly merged: Tree
  /** Times afterwards; everything held has time 1, the merge 2. */
  readonly times: TimesTree
}

const timesOf = (tree: Tree): TimesTree =>
  Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null && !Array.isArray(value) ? timesOf(value) : 1,
    ]),
  )

const cases: Case[] = [
  { name: 'new key', held: {}, patch: { a: 1 }, merged: { a: 1 }, times: { a: 2 } },
  { name: 'replaced', held: { a: 1, b: 1 }, patch: { a: 2 }, merged: { a: 2, b: 1 }, times: { a: 2, b: 1 } },
  { name: 'same value has a new time', held: { a: 1 }, patch: { a: 1 }, merged: { a: 1 }, times: { a: 2 } },
  { name: 'null removes', held: { a: 1, b: 1 }, patch: { a: null }, merged: { b: 1 }, times: { b: 1 } },
  { name: 'null of what is not there', held: { b: 1 }, patch: { a: null }, merged: { b: 1 }, times: { b: 1 } },
  { name: 'nested', held: { o: { a: 1, b: 1 } }, patch: { o: { b: 2, c: 3 } }, merged: { o: { a: 1, b: 2, c: 3 } }, times: { o: { a: 1, b: 2, c: 2 } } },
  { name: 'object emptied by null stays', held: { o: { a: 1 } }, patch: { o: { a: null } }, merged: { o: {} }, times: { o: {} } },
  { name: 'empty object is kept', held: {}, patch: { o: {} }, merged: { o: {} }, times: { o: {} } },
  { name: 'empty object changes nothing in an object', held: { o: { a: 1 } }, patch: { o: {} }, merged: { o: { a: 1 } }, times: { o: { a: 1 } } },
  { name: 'array replaced whole', held: { a: [1, 2, 3] }, patch: { a: [9] }, merged: { a: [9] }, times: { a: 2 } },
  { name: 'objects in arrays are values', held: { a: [{ x: 1 }] }, patch: { a: [{ y: 2 }] }, merged: { a: [{ y: 2 }] }, times: { a: 2 } },
  { name: 'scalar becomes object', held: { a: 1 }, patch: { a: { b: 2 } }, merged: { a: { b: 2 } }, times: { a: { b: 2 } } },
  { name: 'object becomes scalar', held: { a: { b: 2 } }, patch: { a: 1 }, merged: { a: 1 }, times: { a: 2 } },
  { name: 'array becomes object', held: { a: [1] }, patch: { a: { b: 1 } }, merged: { a: { b: 1 } }, times: { a: { b: 2 } } },
  { name: 'new subtree without its nulls', held: {}, patch: { o: { a: 1, b: null, c: { d: null } } }, merged: { o: { a: 1 } }, times: { o: { a: 2 } } },
  { name: 'new subtree of nulls only is not stored', held: {}, patch: { o: { a: { b: null } } }, merged: {}, times: {} },
  { name: 'scalar replaced by nothing but nulls', held: { o: 1 }, patch: { o: { a: null } }, merged: {}, times: {} },
  { name: 'empty objects beside nulls stay', held: {}, patch: { o: { a: null, d: {} } }, merged: { o: { d: {} } }, times: { o: { d: {} } } },
  { name: 'a key called timestamp', held: { timestamp: 5 }, patch: { o: { timestamp: 7 } }, merged: { timestamp: 5, o: { timestamp: 7 } }, times: { timestamp: 1, o: { timestamp: 2 } } },
] // prettier-ignore

for (const { name, held, patch, merged, times } of cases) {
  test(`ok/merge: ${name}`, () => {
    const tree = structuredClone(held)
    const stamps = timesOf(held)
    merge(tree, stamps, patch, 2)
    assert.deepEqual(tree, merged)
    assert.deepEqual(stamps, times)
  })
}

test('ok/keys of the prototype are keys', () => {
  const patch: Tree = JSON.parse(
    '{"__proto__":{"polluted":1},"constructor":{"x":1},"o":{"__proto__":2}}',
  )
  const tree: Tree = {}
  const times: TimesTree = {}
  merge(tree, times, patch, 1)
  merge(tree, times, patch, 2)
  assert.equal(JSON.stringify(tree), JSON.stringify(patch))
  assert.equal(Object.getPrototypeOf(tree), Object.prototype)
  assert.equal(Reflect.get({}, 'polluted'), undefined)
  const removal: Tree = JSON.parse('{"__proto__":null,"toString":null}')
  merge(tree, times, removal, 3)
  assert.deepEqual(Object.keys(tree), ['constructor', 'o'])
})

test('ok/nulls are left out of what is new', () => {
  assert.equal(withoutNulls({ a: null }), undefined)
  assert.deepEqual(withoutNulls({}), {})
  assert.deepEqual(withoutNulls({ a: { b: null }, c: 1 }), { c: 1 })
})
