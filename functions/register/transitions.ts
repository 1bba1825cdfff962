import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import type { DeviceId } from '../../shared/device-id.ts'
import { readDevice } from '../../shared/device/read.ts'
import { hintDevices, moveDevice } from '../../shared/device/transition.ts'
import { etag } from '../../shared/http/etag.ts'
import type { FunctionEnv } from '../../shared/http/function-app.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, refusals } from '../../shared/http/openapi.ts'
import { notifyOutbox } from '../../shared/outbox/notify.ts'
import type { Answer, App, Deps } from './deps.ts'
import { DeviceParam, DeviceSchema } from './device-schema.ts'
import { revokeDevice } from './revoke.ts'

const route = <P extends string>(path: P, summary: string) =>
  createRoute({
    method: 'post',
    path,
    summary,
    request: { params: DeviceParam },
    responses: { 200: json(DeviceSchema), ...refusals },
  })
const suspendRoute = route('/api/v1/devices/{id}/suspend', 'Refuses a device until it is resumed')
const resumeRoute = route('/api/v1/devices/{id}/resume', 'Lets a suspended device go on')
const decommissionRoute = route(
  '/api/v1/devices/{id}/decommission',
  'Ends a device for good: certificates revoked, enrolment blocked',
)

async function move(
  c: Context<FunctionEnv<Deps>>,
  id: DeviceId,
  to: 'active' | 'suspended' | 'decommissioned',
) {
  const who = acting(c.var.call, c.var.identity)
  let slots: readonly number[] = []
  const outcome = await runOnce(c.env, await keyedRequest(c, id), async (tx) => {
    slots = (await moveDevice(tx, who, id, to)).slots
    const { device, revision } = await readDevice(tx, id)
    return { status: 200 as const, body: { ...device }, headers: { etag: etag(revision) } }
  })
  // After the commit and again at each repetition, so that a repeated request finishes what a crash interrupted.
  if (to === 'decommissioned') await revokeDevice(c.env, who, id)
  await hintDevices(c.env.db, [id])
  notifyOutbox(c.env.db, slots)
  return outcome
}

const suspend: Answer<typeof suspendRoute> = async (c) => {
  const { body, status, headers } = await move(c, c.req.valid('param').id, 'suspended')
  return c.json(body, status, headers)
}

const resume: Answer<typeof resumeRoute> = async (c) => {
  const { body, status, headers } = await move(c, c.req.valid('param').id, 'active')
  return c.json(body, status, headers)
}

const decommission: Answer<typeof decommissionRoute> = async (c) => {
  const { id } = c.req.valid('param')
  await move(c, id, 'decommissioned')
  const { device, revision } = await readDevice(c.env.db, id)
  return c.json(device, 200, { etag: etag(revision) })
}

/** Routes that move a device from one status to another. */
export function transitionRoutes(app: App): void {
  app.openapi(suspendRoute, suspend)
  app.openapi(resumeRoute, resume)
  app.openapi(decommissionRoute, decommission)
}
