import { createRoute } from '@hono/zod-openapi'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { changeCredential, removeCredential } from '../../shared/credential/change.ts'
import { createCredential, makeMaterial } from '../../shared/credential/create.ts'
import { findCredential, pageCredentials } from '../../shared/credential/credential.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { IfMatch, json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import {
  CREDENTIAL_DEFAULTS,
  CreatedCredential,
  CredentialChange,
  CredentialParam,
  CredentialSchema,
  NewCredential,
} from './credential-schema.ts'
import type { Answer, App } from './deps.ts'
import { expiryOf } from './expiry.ts'
import { answerSeal } from './seal.ts'

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/credentials',
  summary: 'Bootstrap credentials, without their secrets',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(CredentialSchema)), ...refusals },
})
const createCredentialRoute = createRoute({
  method: 'post',
  path: '/api/v1/credentials',
  summary: 'Makes a bootstrap credential; its secret is told this once',
  request: { body: jsonBody(NewCredential) },
  responses: { 201: json(CreatedCredential, 'Made'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/credentials/{id}',
  summary: 'One bootstrap credential',
  request: { params: CredentialParam },
  responses: { 200: json(CredentialSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/credentials/{id}',
  summary: 'Enables, disables, prolongs, narrows; If-Match is required',
  request: { params: CredentialParam, headers: IfMatch, body: jsonBody(CredentialChange) },
  responses: { 200: json(CredentialSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/credentials/{id}',
  summary: 'Removes a credential; If-Match is required',
  request: { params: CredentialParam, headers: IfMatch },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['credentials'])
  const rows = await pageCredentials(c.env, from?.after[0] ?? null, limit + 1)
  const page = pageOf(rows, limit, ({ name }) =>
    writeCursor({ after: [name], at: c.env.clock.now() }, ['credentials']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createCredentialRoute> = async (c) => {
  const body = c.req.valid('json')
  const { clock } = c.env
  const { seconds, uses } = CREDENTIAL_DEFAULTS[body.kind]
  const asked = {
    kind: body.kind,
    name: 'name' in body ? body.name : undefined,
    hardwareRevs: body.hardware_revs ?? null,
    networks: body.networks ?? null,
    startsAt: body.starts_at === undefined ? null : new Date(body.starts_at),
    expiresAt: expiryOf(body, clock.now(), seconds),
    maxUses: body.max_uses ?? uses,
  }
  const who = acting(c.var.call, c.var.identity)
  const keyed = await keyedRequest(c)
  const material = await makeMaterial(c.env, asked)
  const { secret, certificate, chain } = material
  const outcome = await runOnce(
    c.env,
    keyed,
    async (db) => {
      const made = await createCredential({ db, clock }, who, asked, material)
      const told = { secret, ...(certificate && { certificate }), ...(chain && { chain }) }
      const headers = { etag: etag(made.revision) }
      return { status: 201 as const, body: { ...made.credential, ...told }, headers }
    },
    answerSeal(c.env, keyed),
  )
  return c.json(outcome.body, outcome.status, outcome.headers)
}

const show: Answer<typeof showRoute> = async (c) => {
  const { credential, revision } = await findCredential(c.env, c.req.valid('param').id)
  return c.json(credential, 200, { etag: etag(revision) })
}

const change: Answer<typeof changeRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { expires_at: at, hardware_revs: hardwareRevs, ...rest } = c.req.valid('json')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const { clock } = c.env
  const asked = { ...rest, hardwareRevs, expiresAt: at === undefined ? undefined : new Date(at) }
  const { credential, revision } = await transaction(c.env.db, async (db) => {
    await changeCredential(db, acting(c.var.call, c.var.identity), id, asked, expected)
    return findCredential({ db, clock }, id)
  })
  return c.json(credential, 200, { etag: etag(revision) })
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const who = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => removeCredential(tx, who, id, expected))
  return c.body(null, 204)
}

/** Routes of bootstrap credentials. */
export function credentialRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createCredentialRoute, create)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, change)
  app.openapi(deleteRoute, remove)
}
