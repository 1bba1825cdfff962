import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { matrixText } from '../../infra/build/matrix.ts'
import { readRoute } from '../../shared/http/route.ts'
import { ROUTES } from '../../shared/http/route-table.ts'

// The committed table is what is reviewed: a change of infra/routes.yml shows here who gains or loses what.
test('the matrix of routes and identities is the committed one', () => {
  const committed = readFileSync('test/contract/matrix.txt', 'utf8')
  assert.equal(committed, matrixText(ROUTES.map(readRoute)), 'run node infra/build/routes.ts')
})
