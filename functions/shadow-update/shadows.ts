import { acting } from '../../shared/access/acting.ts'
import type { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { IfMatch, json, jsonBody, refusals } from '../../shared/http/openapi.ts'
import { readSettings } from '../../shared/setting/read.ts'
import { historyText } from '../../shared/shadow/change.ts'
import { CLASSIC } from '../../shared/shadow/name.ts'
import { parseUpdate, type UpdateRequest } from '../../shared/shadow/request.ts'
import type { AskedChange, Done } from '../../shared/shadow/writer.ts'
import { jsonText, textRoute, valid, type App, type ShadowContext } from './route.ts'
import { DeviceParam, NamedParam, ShadowChange, ShadowDocument } from './shadow-schema.ts'

interface Target {
  readonly deviceId: DeviceId
  readonly shadow: string
}

const classicOf = (c: ShadowContext): Target => ({
  deviceId: valid(DeviceParam, c.req.param(), 'param').id,
  shadow: CLASSIC,
})

function namedOf(c: ShadowContext): Target {
  const { id, name } = valid(NamedParam, c.req.param(), 'param')
  return { deviceId: id, shadow: name }
}

const answer = ({ text, version }: Done): Response =>
  jsonText(text, { etag: etag(BigInt(version)) })

async function show(c: ShadowContext, target: Target): Promise<Response> {
  return answer(await c.env.readShadow(target))
}

async function change(c: ShadowContext, target: Target): Promise<Response> {
  const text = await jsonBodyText(c)
  valid(ShadowChange, JSON.parse(text), 'json')
  const request = parseUpdate(text)
  await checkSections(c, request)
  const { state, version, clientToken } = request
  const size = Buffer.byteLength(text)
  return write(c, target, {
    command: { kind: 'update', state, size, ...(version !== undefined && { version }) },
    clientToken,
    text: historyText('update', text),
  })
}

async function remove(c: ShadowContext, target: Target): Promise<Response> {
  return write(c, target, { command: { kind: 'delete' }, text: historyText('delete', '') })
}

async function write(
  c: ShadowContext,
  target: Target,
  asked: Pick<AskedChange, 'command' | 'clientToken' | 'text'>,
): Promise<Response> {
  const { identity, call } = c.var
  const keyed = await keyedRequest(c, target.deviceId)
  const { actor, tokenId, source, callId } = acting(call, identity)
  const done = await c.env.writeShadow({
    ...target,
    ...asked,
    actor: identity.kind === 'device' ? 'device' : actor,
    expected: ifMatch(c.req.header('if-match'), 'optional'),
    ...(keyed && { key: { key: keyed.key, sha256: keyed.sha256.toString('hex') } }),
    ...(identity.kind === 'operator' && { audit: { tokenId, source, callId } }),
  })
  return answer(done)
}

async function jsonBodyText(c: ShadowContext): Promise<string> {
  if (!/[/+]json\b/i.test(c.req.header('content-type') ?? '')) {
    throw new DomainError('request.unsupported_media_type', { detail: 'send application/json' })
  }
  const text = await c.req.text()
  if (text === '') throw new DomainError('request.malformed', { detail: 'not JSON' })
  return text
}

/** A device speaks of what it is; what it should be is the operator's, unless the fleet is set otherwise. */
async function checkSections(c: ShadowContext, { state }: UpdateRequest): Promise<void> {
  if (c.var.identity.kind !== 'device' || (state !== null && state.desired === undefined)) return
  const settings = await readSettings(c.env.db)
  if (!settings['shadow.device_desired']) throw new DomainError('auth.scope_missing')
}

const document = json(ShadowDocument, 'The accepted document')

function addRoutes(
  app: App,
  path: string,
  params: typeof DeviceParam,
  of: (c: ShadowContext) => Target,
) {
  const of200 = { responses: { 200: document, ...refusals } }
  const changing = {
    request: { params, headers: IfMatch, body: jsonBody(ShadowChange) },
    ...of200,
  }
  textRoute(
    app,
    { method: 'get', path, summary: 'A shadow, with its delta', request: { params }, ...of200 },
    (c) => show(c, of(c)),
  )
  textRoute(app, { method: 'patch', path, summary: 'Changes a shadow', ...changing }, (c) =>
    change(c, of(c)),
  )
  textRoute(
    app,
    { method: 'post', path, summary: 'Changes a shadow, as PATCH does', ...changing },
    (c) => change(c, of(c)),
  )
  textRoute(
    app,
    {
      method: 'delete',
      path,
      summary: 'Deletes a shadow; its version counts on',
      request: { params, headers: IfMatch },
      ...of200,
    },
    (c) => remove(c, of(c)),
  )
}

/** Routes of single shadows. */
export function shadowRoutes(app: App): void {
  addRoutes(app, '/api/v1/devices/{id}/shadow', DeviceParam, classicOf)
  addRoutes(app, '/api/v1/devices/{id}/shadow/name/{name}', NamedParam, namedOf)
}
