import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { askRenewal } from '../../shared/certificate/ask-renewal.ts'
import { findCertificate, pageCertificates } from '../../shared/certificate/certificate.ts'
import { DomainError } from '../../shared/errors.ts'
import { DeviceId } from '../../shared/device-id.ts'
import {
  decideEnrollment,
  findEnrollment,
  pageEnrollments,
  reviewCursor,
} from '../../shared/enrollment/review.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { notifyOutbox } from '../../shared/outbox/notify.ts'
import type { Answer, App } from './deps.ts'
import {
  CertificateSchema,
  EnrollmentParam,
  EnrollmentSchema,
  EnrollmentState,
  OneCertificate,
  Reason,
  SerialParam,
} from './identity-schema.ts'
import { renewUrl } from './renew-url.ts'
import { revoke } from './revoke.ts'

const enrollmentsRoute = createRoute({
  method: 'get',
  path: '/api/v1/enrollments',
  summary: 'Enrolments, also refused ones; state=pending: oldest first',
  request: {
    query: PageQuery.extend({ state: EnrollmentState.optional(), device_id: DeviceId.optional() }),
  },
  responses: { 200: json(pageSchema(EnrollmentSchema)), ...refusals },
})
const enrollmentRoute = createRoute({
  method: 'get',
  path: '/api/v1/enrollments/{id}',
  summary: 'One enrolment',
  request: { params: EnrollmentParam },
  responses: { 200: json(EnrollmentSchema), ...refusals },
})
const decide = <P extends string>(path: P, summary: string) =>
  createRoute({
    method: 'post',
    path,
    summary,
    request: { params: EnrollmentParam },
    responses: { 200: json(EnrollmentSchema), ...refusals },
  })
const acceptRoute = decide('/api/v1/enrollments/{id}/accept', 'Lets a waiting device in')
const rejectRoute = decide('/api/v1/enrollments/{id}/reject', 'Refuses a key for good')
const certificatesRoute = createRoute({
  method: 'get',
  path: '/api/v1/certificates',
  summary: "Devices' certificates",
  request: {
    query: PageQuery.extend({
      device_id: DeviceId.optional(),
      state: z.enum(['active', 'superseded', 'revoked']).optional(),
      expires_before: z.iso.datetime({ offset: true }).optional(),
    }),
  },
  responses: { 200: json(pageSchema(CertificateSchema)), ...refusals },
})
const certificateRoute = createRoute({
  method: 'get',
  path: '/api/v1/certificates/{serial}',
  summary: 'One certificate',
  request: { params: SerialParam },
  responses: { 200: json(OneCertificate), ...refusals },
})
const revokeRoute = createRoute({
  method: 'post',
  path: '/api/v1/certificates/{serial}/revoke',
  summary: 'Revokes a certificate; the answer comes when the CRL says so',
  request: { params: SerialParam, body: jsonBody(Reason) },
  responses: { 200: json(OneCertificate), ...refusals },
})

const renewRoute = createRoute({
  method: 'post',
  path: '/api/v1/certificates/{serial}/renew',
  summary: 'Asks the device to renew this certificate now',
  request: { params: SerialParam },
  responses: { 202: json(OneCertificate, 'Asked'), ...refusals },
})

const enrollments: Answer<typeof enrollmentsRoute> = async (c) => {
  const { limit, cursor, state, device_id: deviceId } = c.req.valid('query')
  const filter = { state, deviceId }
  const binding = ['enrollments', state ?? '', deviceId ?? '']
  const from = readCursor(cursor, binding)
  const rows = await pageEnrollments(c.env.db, filter, from?.after, limit + 1)
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: reviewCursor(filter, last), at: c.env.clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const enrollment: Answer<typeof enrollmentRoute> = async (c) =>
  c.json(await findEnrollment(c.env.db, c.req.valid('param').id), 200)

const accept: Answer<typeof acceptRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const decided = await decideEnrollment(tx, who, id, 'approved')
    return { status: 200 as const, body: { ...decided } }
  })
  return c.json(body, status)
}

const reject: Answer<typeof rejectRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const decided = await decideEnrollment(tx, who, id, 'rejected')
    return { status: 200 as const, body: { ...decided } }
  })
  return c.json(body, status)
}

const certificates: Answer<typeof certificatesRoute> = async (c) => {
  const { limit, cursor, device_id: deviceId, state, expires_before: before } = c.req.valid('query')
  const binding = ['certificates', deviceId ?? '', state ?? '', before ?? '']
  const from = readCursor(cursor, binding)
  const now = from?.at ?? c.env.clock.now()
  const expiresBefore = before === undefined ? undefined : new Date(before)
  const filter = { deviceId, state, expiresBefore }
  const rows = await pageCertificates(c.env.db, filter, {
    after: from?.after,
    limit: limit + 1,
    now,
  })
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.device_id, last.serial], at: now }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const certificate: Answer<typeof certificateRoute> = async (c) =>
  c.json(await findCertificate(c.env.db, c.req.valid('param').serial, c.env.clock.now()), 200)

const revokeOne: Answer<typeof revokeRoute> = async (c) => {
  const { serial } = c.req.valid('param')
  const { reason } = c.req.valid('json')
  const { db, clock } = c.env
  await findCertificate(db, serial, clock.now())
  // Repeated, it changes nothing and succeeds: it needs no record of the key.
  await revoke(c.env, acting(c.var.call, c.var.identity), { serial }, reason)
  return c.json(await findCertificate(db, serial, clock.now()), 200)
}

const renew: Answer<typeof renewRoute> = async (c) => {
  const { db, clock } = c.env
  const now = clock.now()
  const found = await findCertificate(db, c.req.valid('param').serial, now)
  const who = acting(c.var.call, c.var.identity)
  let hinted: readonly number[] = []
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const ask = { renewUrl: renewUrl(c.env), now }
    const { asked, slots } = await askRenewal(tx, who, [found.device_id], ask)
    if (asked.length === 0) throw new DomainError('certificate.not_found')
    hinted = slots
    return { status: 202 as const, body: { ...found } }
  })
  notifyOutbox(db, hinted)
  return c.json(body, status)
}

/** Routes of enrolments and certificates. */
export function identityRoutes(app: App): void {
  app.openapi(enrollmentsRoute, enrollments)
  app.openapi(enrollmentRoute, enrollment)
  app.openapi(acceptRoute, accept)
  app.openapi(rejectRoute, reject)
  app.openapi(certificatesRoute, certificates)
  app.openapi(certificateRoute, certificate)
  app.openapi(revokeRoute, revokeOne)
  app.openapi(renewRoute, renew)
}
