import assert from 'node:assert/strict'
import test from 'node:test'
import { matchRoute } from './match-route.ts'
import { createRouter, readRoute, ruleOf, type RouteRow } from './route.ts'

const row = (path: string, rules = 'GET none', body = 0): RouteRow => ({
  path,
  to: path,
  rules,
  scope: 'x',
  body,
})
const find = createRouter(
  ['/', '/a', '/a/{id}', '/a/{id}/b', '/a/lit/c', '/a/*', '/{t}/z'].map((path) =>
    readRoute(row(path)),
  ),
)

const cases: readonly (readonly [string, string | undefined, Record<string, string>?])[] = [
  ['/', '/'],
  ['/a', '/a'],
  ['/a/7', '/a/{id}', { id: '7' }],
  ['/a/7/b', '/a/{id}/b', { id: '7' }],
  ['/a/lit', '/a/{id}', { id: 'lit' }],
  ['/a/lit/b', '/a/{id}/b', { id: 'lit' }],
  ['/a/lit/c', '/a/lit/c'],
  ['/a/lit/d', '/a/*', { '*': 'lit/d' }],
  ['/a//b', '/a/*', { '*': '/b' }],
  ['/a/x%2Fb', '/a/{id}', { id: 'x%2Fb' }],
  ['/a/', undefined],
  ['/b/z', '/{t}/z', { t: 'b' }],
  ['/A', undefined],
  ['/%61', undefined],
  ['//a', undefined],
  ['/a?b', undefined],
  ['', undefined],
  ['a', undefined],
  ['*', undefined],
]

for (const [path, template, params = {}] of cases)
  test(`match/${path} is ${template ?? 'nothing'}`, () => {
    const match = find(path)
    assert.equal(match?.route.template, template)
    if (match) assert.deepEqual(match.params, params)
  })

test('ok/rules-of-a-row', () => {
  const route = readRoute(row('/s', 'GET do R | dx rv, DELETE O', 16_385))
  assert.deepEqual(ruleOf(route, 'HEAD'), { allow: ['do', 'R'], deny: ['dx', 'rv'] })
  assert.deepEqual(ruleOf(route, 'DELETE'), { allow: ['O'], deny: [] })
  assert.equal(ruleOf(route, 'POST'), undefined)
  assert.equal(ruleOf(route, 'constructor'), undefined)
  assert.equal(route.unsignedBody, true)
  assert.equal(readRoute(row('/s', 'POST O', 16_384)).unsignedBody, false)
})

test('fail/unknown-words-in-a-row', () => {
  for (const rules of ['GET', 'FETCH R', 'GET X', 'GET R | X'])
    assert.throws(() => readRoute(row('/s', rules)), /routes/)
})

test('a long path costs no more than its segments', () => {
  const started = performance.now()
  for (let round = 0; round < 100; round += 1) matchRoute(`/api/v1/devices${'/x'.repeat(7000)}`)
  assert.ok(performance.now() - started < 1000)
})
