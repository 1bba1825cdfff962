import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { createConsoleLink } from '../../shared/access/console-link.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { createToken, endToken, findToken, pageTokens } from '../../shared/access/manage-tokens.ts'
import { Scope } from '../../shared/access/scope.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { EXPIRY, expiryOf } from './expiry.ts'
import { answerSeal } from './seal.ts'

const DEFAULT_SECONDS = 90 * 86_400

export const Name = z
  .string()
  .regex(/^(?!\d+$)[a-z0-9][a-z0-9.-]{0,62}$/, 'a-z, 0-9, dots and dashes, not digits alone')

const TokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(['active', 'expired', 'revoked']),
    scope: z.array(z.string()),
    created_at: Time,
    expires_at: Time.nullable(),
    revoked_at: Time.nullable(),
    last_used: z.string().nullable(),
  })
  .meta({ id: 'Token' })
const NewToken = z.strictObject({
  name: Name,
  scope: z.array(Scope).min(1).max(50),
  ...EXPIRY,
})
const Param = z.object({ id: z.string().min(1).max(64) })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  summary: "Operators' tokens, without their secrets",
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(TokenSchema)), ...refusals },
})
const createTokenRoute = createRoute({
  method: 'post',
  path: '/api/v1/tokens',
  summary: 'Makes a token; its secret is told this once',
  request: { body: jsonBody(NewToken) },
  responses: { 201: json(TokenSchema.extend({ secret: z.string() }), 'Made'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/tokens/{id}',
  summary: 'One token, by id or name',
  request: { params: Param },
  responses: { 200: json(TokenSchema), ...refusals },
})
const revokeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{id}',
  summary: 'Revokes a token',
  request: { params: Param },
  responses: { 200: json(TokenSchema), ...refusals },
})
const linkRoute = createRoute({
  method: 'post',
  path: '/api/v1/console-links',
  summary: 'A link that opens the console once, within a minute',
  responses: { 201: json(z.object({ url: z.string(), expires_at: Time }), 'Made'), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['tokens'])
  const rows = await pageTokens(c.env, from?.after[0] ?? null, limit + 1)
  const page = pageOf(rows, limit, ({ id }) =>
    writeCursor({ after: [id], at: c.env.clock.now() }, ['tokens']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createTokenRoute> = async (c) => {
  const { name, scope, ...expiry } = c.req.valid('json')
  const expiresAt = expiryOf(expiry, c.env.clock.now(), DEFAULT_SECONDS)
  const who = acting(c.var.call, c.var.identity)
  const keyed = await keyedRequest(c)
  const outcome = await runOnce(
    c.env,
    keyed,
    async (db) => {
      const deps = { db, clock: c.env.clock }
      const asked = { name, scope, expiresAt }
      const { token, secret } = await createToken(deps, who, c.var.identity, asked)
      return { status: 201 as const, body: { ...token, secret } }
    },
    answerSeal(c.env, keyed),
  )
  return c.json(outcome.body, outcome.status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findToken(c.env, c.req.valid('param').id), 200)

const revoke: Answer<typeof revokeRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { clock } = c.env
  const who = acting(c.var.call, c.var.identity)
  const token = await transaction(c.env.db, (db) => endToken({ db, clock }, who, id))
  return c.json(token, 200)
}

const link: Answer<typeof linkRoute> = async (c) => {
  const { clock, config } = c.env
  const who = acting(c.var.call, c.var.identity)
  const made = await transaction(c.env.db, (db) => createConsoleLink({ db, clock }, who))
  const url = new URL('/', config.apiUrl)
  // In the query, not in the fragment: the page works without script.
  url.searchParams.set('link', made.secret)
  return c.json({ url: url.href, expires_at: made.expiresAt.toISOString() }, 201)
}

/** Routes of operators' tokens and of links into the console. */
export function tokenRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createTokenRoute, create)
  app.openapi(showRoute, show)
  app.openapi(revokeRoute, revoke)
  app.openapi(linkRoute, link)
}
