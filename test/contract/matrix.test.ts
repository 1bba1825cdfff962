import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import {
  expectation,
  IDENTITIES,
  matrixText,
  type Expectation,
  type MatrixIdentity,
} from '../../infra/build/matrix.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import { authorize } from '../../shared/http/authorize.ts'
import type { Identity } from '../../shared/http/call.ts'
import { HTTP_STATUS } from '../../shared/http/problem.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { readRoute, type Route, type RouteRule } from '../../shared/http/route.ts'

const routes = ROUTES.map(readRoute)
const own = DeviceId.parse('own')
const operator = (scope: string): Identity => ({
  kind: 'operator',
  actor: 'token ops',
  tokenId: 'ops',
  scope: [scope],
})
const device = (status: 'active' | 'suspended'): Identity => ({
  kind: 'device',
  deviceId: own,
  serial: '01',
  status,
})
const identities: Record<MatrixIdentity, Identity> = {
  none: { kind: 'none' },
  R: operator('read'),
  O: operator('operate'),
  A: operator('admin'),
  pm: operator('metrics'),
  do: device('active'),
  dx: device('active'),
  su: device('suspended'),
  rv: { kind: 'revoked', deviceId: own },
  cl: { kind: 'claim', credentialId: 'c1', certificate: Buffer.alloc(1) },
}

function answerOf(route: Route, rule: RouteRule, who: MatrixIdentity): Expectation {
  const params = route.self === undefined ? {} : { [route.self]: who === 'dx' ? 'other' : 'own' }
  try {
    authorize(route, rule, identities[who], params)
  } catch (error) {
    assert.ok(error instanceof DomainError)
    const status = HTTP_STATUS[error.code]
    assert.ok(status === 401 || status === 403)
    assert.equal(error.code === 'device.suspended', who === 'su' && status === 403)
    return `${status}`
  }
  const inRequest = rule.allow.includes('to') || rule.allow.includes('sk')
  return who === 'none' && inRequest ? 'ask' : '2xx'
}

// The committed table is what is reviewed: a change of infra/routes.yml shows there who gains or loses what.
test('the matrix of routes and identities is the committed one', () => {
  const committed = readFileSync('test/contract/matrix.txt', 'utf8')
  assert.equal(committed, matrixText(routes), 'run node infra/build/routes.ts')
})

for (const route of routes)
  for (const [method, rule] of Object.entries(route.methods))
    test(`matrix/${method} ${route.template}`, () => {
      for (const who of IDENTITIES)
        assert.equal(answerOf(route, rule, who), expectation(route, rule, who), who)
    })

/** What an operator with this one scope reaches of what is not for everyone. */
function reach(scope: string): string[] {
  const reached: string[] = []
  for (const route of routes)
    for (const [method, rule] of Object.entries(route.methods)) {
      if (rule.allow.includes('none')) continue
      try {
        authorize(route, rule, operator(scope), {})
        reached.push(`${method} ${route.scope}`)
      } catch (error) {
        assert.ok(error instanceof DomainError)
      }
    }
  return reached
}

test('a narrowed scope reaches its noun only, at its level only', () => {
  assert.deepEqual(new Set(reach('read:audit')), new Set())
  assert.deepEqual(
    new Set(reach('operate:allowlist')),
    new Set(['GET allowlist', 'POST allowlist', 'PATCH allowlist', 'DELETE allowlist']),
  )
  assert.deepEqual(new Set(reach('metrics')), new Set(['GET metrics']))
})
