import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { enrollAnswer } from '../../shared/enrollment/answer.ts'
import type { Proof } from '../../shared/enrollment/request.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Identity } from '../../shared/http/call.ts'
import type { FunctionEnv } from '../../shared/http/function-app.ts'
import { parsePemRequest } from '../../shared/pki/parse-request.ts'
import type { Deps } from './deps.ts'
import { EnrollAnswerWire, EnrollWire, PendingWire, problem } from './wire.ts'

const RETRY_SECONDS = '30'

const route = createRoute({
  method: 'post',
  path: '/api/v1/enroll',
  summary: 'Enrol with a token, a shared key or a claim certificate',
  request: { body: { content: { 'application/json': { schema: EnrollWire } }, required: true } },
  responses: {
    200: {
      description: 'The certificate, where the broker is, and the first configuration',
      content: { 'application/json': { schema: EnrollAnswerWire } },
    },
    202: {
      description: 'An operator has to accept it first; ask again after Retry-After',
      content: { 'application/json': { schema: PendingWire } },
    },
    400: problem('request.invalid, csr.invalid'),
    401: problem('enrollment.rejected: the one answer to every refusal'),
    403: problem('device.suspended'),
    429: problem('rate.limited'),
    503: problem('ca.unavailable'),
  },
})

export function addEnroll(app: OpenAPIHono<FunctionEnv<Deps>>): void {
  app.openapi(route, async (c) => {
    const wire = c.req.valid('json')
    const { call, identity } = c.var
    const enrolled = await c.env.enroll({
      deviceId: wire.device_id,
      csr: parsePemRequest(wire.csr),
      hardwareRev: wire.hardware_rev,
      firmwareVer: wire.firmware_ver,
      proof: proofOf(wire, identity),
      origin: { source: call.source, callId: call.callId, protocol: 'json' },
    })
    if (enrolled.state === 'pending') {
      return c.json({ state: 'pending' as const }, 202, { 'retry-after': RETRY_SECONDS })
    }
    const answer = await enrollAnswer(c.env, wire.device_id, enrolled.der)
    return c.json({ ...answer, endpoints: [...answer.endpoints] }, 200)
  })
}

type Wire = Pick<typeof EnrollWire._output, 'token' | 'shared_key'>

function proofOf({ token, shared_key: shared }: Wire, identity: Identity): Proof {
  if (token !== undefined) return { kind: 'token', text: token }
  if (shared) {
    const { credential_id: credentialId, time, nonce, mac } = shared
    return { kind: 'shared_key', credentialId, time, nonce, mac }
  }
  if (identity.kind === 'claim') {
    const { credentialId, certificate } = identity
    return { kind: 'claim', credentialId, certificate }
  }
  throw new DomainError('enrollment.rejected', {}, { cause: new Error('nothing was shown') })
}
