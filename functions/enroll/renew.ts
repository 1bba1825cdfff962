import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { enrollAnswer } from '../../shared/enrollment/answer.ts'
import { DomainError } from '../../shared/errors.ts'
import type { FunctionEnv } from '../../shared/http/function-app.ts'
import { parsePemRequest } from '../../shared/pki/parse-request.ts'
import type { Deps } from './deps.ts'
import { EnrollAnswerWire, problem, RenewWire } from './wire.ts'

const route = createRoute({
  method: 'post',
  path: '/api/v1/enroll/renew',
  summary: 'Renew by the certificate that is to be renewed',
  request: { body: { content: { 'application/json': { schema: RenewWire } }, required: true } },
  responses: {
    200: {
      description: 'The new certificate; the old one is valid until the new one is first used',
      content: { 'application/json': { schema: EnrollAnswerWire } },
    },
    400: problem('request.invalid, csr.invalid'),
    401: problem('auth.required'),
    403: problem('device.suspended, auth.scope_missing'),
    503: problem('ca.unavailable'),
  },
})

export function addRenew(app: OpenAPIHono<FunctionEnv<Deps>>): void {
  app.openapi(route, async (c) => {
    const { call, identity } = c.var
    if (identity.kind !== 'device') throw new DomainError('auth.required')
    const { deviceId, serial } = identity
    const der = await c.env.renew({
      deviceId,
      serial,
      csr: parsePemRequest(c.req.valid('json').csr),
      origin: { source: call.source, callId: call.callId, protocol: 'json' },
    })
    const answer = await enrollAnswer(c.env, deviceId, der)
    return c.json({ ...answer, endpoints: [...answer.endpoints] }, 200)
  })
}
