import { createRoute } from '@hono/zod-openapi'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { IfMatch, json, refusals } from '../../shared/http/openapi.ts'
import { kick } from '../../shared/operation/queue.ts'
import { moveRolloutBy, type RolloutVerb } from '../../shared/rollout/move-rollout.ts'
import { readSettings } from '../../shared/setting/read.ts'
import type { Answer, App } from './deps.ts'
import { RolloutParam } from './rollouts.ts'
import { RolloutSchema } from './schema.ts'
import { rolloutView } from './view.ts'

const SUMMARIES: Readonly<Record<RolloutVerb, string>> = {
  start: 'Hashes the artifacts again, selects the devices and begins with the first group',
  pause: 'Tells no further device; who has begun goes on',
  resume: 'Goes on; failures so far no longer count against their group',
  stop: 'Ends it for good, and calls back who has not begun to change itself',
  approve: 'Approves it; never by its author',
  deny: 'Sends it back to its author',
  advance: 'Starts the next group whatever the thresholds say',
  retry: 'Asks the devices that failed once more',
}

const routeOf = (verb: RolloutVerb) =>
  createRoute({
    method: 'post',
    path: `/api/v1/rollouts/{name}/${verb}`,
    summary: `${SUMMARIES[verb]}; If-Match is required`,
    request: { params: RolloutParam, headers: IfMatch },
    responses: { 200: json(RolloutSchema), ...refusals },
  })

const answerOf =
  (verb: RolloutVerb): Answer<ReturnType<typeof routeOf>> =>
  async (c) => {
    const { name } = c.req.valid('param')
    const expected = ifMatch(c.req.header('if-match'), 'required')
    const wish = { by: acting(c.var.call, c.var.identity), name, expected }
    const { 'rollout.approval': approval } = await readSettings(c.env.db)
    const { body, status, headers } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
      const rollout = await moveRolloutBy(tx, { clock: c.env.clock, approval }, verb, wish)
      const told = { etag: etag(rollout.revision) }
      return { status: 200 as const, body: rolloutView(rollout), headers: told }
    })
    await kick(c.env.db, body.status === 'starting' ? 'ota' : 'ota-notify')
    return c.json(body, status, headers)
  }

/** Routes that move a rollout. */
export function rolloutVerbRoutes(app: App): void {
  for (const verb of [
    'start',
    'pause',
    'resume',
    'stop',
    'approve',
    'deny',
    'advance',
    'retry',
  ] as const) {
    app.openapi(routeOf(verb), answerOf(verb))
  }
}
