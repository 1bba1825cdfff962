import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { parse } from 'yaml'
import { readRouteFile } from '../../infra/build/route-file.ts'
import { ROUTES } from '../../shared/http/route-table.ts'

const text = readFileSync('infra/routes.yml', 'utf8')

test('shared/http/route-table.ts is what infra/routes.yml says', () => {
  assert.deepEqual(ROUTES, readRouteFile(text), 'run node infra/build/routes.ts')
})

test('every route goes to a function of stack.yml', () => {
  const stack: { functions: Record<string, unknown> } = parse(readFileSync('stack.yml', 'utf8'))
  for (const { path, to } of ROUTES) assert.ok(to in stack.functions, `${path}: ${to}`)
})

test('no public path is one of the paths between machines', () => {
  for (const { path } of ROUTES)
    assert.doesNotMatch(path, /^\/(internal|mqtt|cron|ready|function|async-function)\b/)
})

test('fail/two-templates-for-one-path', () => {
  const twice = 'a:\n  /x/{id}: { GET: R }\nb:\n  /x/{name}: { GET: R }\n'
  assert.throws(() => readRouteFile(twice), /match the same/)
})

test('fail/unknown-option', () => {
  assert.throws(() => readRouteFile('a:\n  /x: { GET: R, stram: up }\n'))
  assert.throws(() => readRouteFile('a:\n  /x: { GET: R, self: id }\n'), /no \{id\}/)
  assert.throws(() => readRouteFile('a:\n  /x: { body: 1 KiB }\n'), /no method/)
  assert.throws(() => readRouteFile('a:\n  /x: { GET: R, body: 1 kB }\n'), /no size/)
})
