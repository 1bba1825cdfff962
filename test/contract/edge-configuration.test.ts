import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import * as fc from 'fast-check'
import { readRouteFile } from '../../infra/build/route-file.ts'
import { blocksOf, fillBlocks, routeClasses } from '../../infra/edge/blocks.ts'
import { patternOf } from '../../infra/edge/route-pattern.ts'
import { createRouter, readRoute } from '../../shared/http/route.ts'

const text = readFileSync('infra/edge/haproxy.cfg', 'utf8')
const routes = readRouteFile(readFileSync('infra/routes.yml', 'utf8')).map(readRoute)
const classes = routeClasses(routes)
const router = createRouter(routes)

const byPattern = (path: string) =>
  classes.find(({ pattern }) => new RegExp(pattern, 's').test(path))

/** What HAProxy makes of a path must be what the embedded edge makes of it. */
function agrees(path: string): void {
  const route = router(path)?.route
  const found = byPattern(path)
  assert.equal(found?.function, route?.function, path)
  if (!route) return
  const limit = route.unsignedBody ? route.bodyBytes : Math.min(route.bodyBytes, 16_384)
  assert.equal(found?.bodyBytes, limit, path)
}

test('infra/edge/haproxy.cfg is what infra/routes.yml says', () => {
  assert.equal(text, fillBlocks(text, blocksOf(routes)), 'run npm run routes')
})

test('HAProxy takes no line above 2048 characters', () => {
  for (const line of text.split('\n')) assert.ok(line.length < 2040, line.slice(0, 80))
})

test('each template is one class, and the same one as the router says', () => {
  for (const { template } of routes) {
    agrees(template.replace(/\{[^}]+\}/g, 'x').replace('*', 'y/z'))
    agrees(template.replace(/\{[^}]+\}/g, 'x%2F.').replace('*', '..'))
    agrees(`${template.replace(/\{[^}]+\}/g, 'x')}/`)
  }
})

test('random paths of known words mean the same to both', () => {
  const words = [...new Set(routes.flatMap(({ template }) => template.split('/')))]
  const segment = fc.oneof(
    fc.constantFrom(...words.filter((word) => !word.includes('{'))),
    fc.constantFrom('', '.', '..', '%2F', 'x', 'a.b', '*', 'ca-pem'),
  )
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), (parts) => {
      agrees(`/${parts.join('/')}`)
    }),
    { numRuns: 5000 },
  )
})

test('a template without names, with names, with a rest', () => {
  assert.equal(patternOf(['/', '/a/{x}', '/a/b.c', '/d/*']), '^(/|/a(/[^/]+|/b\\.c)|/d/.+)$')
  assert.equal(patternOf(['/a', '/a/{x}/b']), '^/a(/[^/]+/b)?$')
})

test('fail/blocks that the text does not have, or has too many of', () => {
  assert.throws(() => fillBlocks('# >>> other\n# <<< other\n', {}), /no block is called other/)
  assert.throws(() => fillBlocks('', { routes: [] }), /has no block routes/)
})
