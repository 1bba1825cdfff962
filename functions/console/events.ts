import { createRoute } from '@hono/zod-openapi'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { DeviceId } from '../../shared/device-id.ts'
import {
  eventHead,
  followEvents,
  pageEvents,
  readPlace,
  type EventPlace,
} from '../../shared/event/read.ts'
import { AnyJson, json, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App, Ctx, Deps } from './deps.ts'

const POLL_MS = 500
const BEAT_MS = 15_000
const BATCH = 200

const EventSchema = z
  .object({
    id: z.string(),
    at: Time,
    kind: z.string(),
    device_id: z.string().nullable(),
    rollout_id: z.string().nullable(),
    data: z.record(z.string(), AnyJson),
  })
  .meta({ id: 'Event' })

const eventsRoute = createRoute({
  method: 'get',
  path: '/api/v1/events',
  summary: 'What happened, newest first; with Accept: text/event-stream as it happens',
  request: {
    query: PageQuery.extend({
      kind: z.string().max(64).optional().meta({ description: 'device.suspended, or device' }),
      device_id: DeviceId.optional(),
    }),
    headers: z.object({ 'last-event-id': z.string().max(64).optional() }),
  },
  responses: {
    200: {
      description: 'A page, or a stream that ends now and then; open it again with Last-Event-ID',
      content: {
        ...json(pageSchema(EventSchema)).content,
        'text/event-stream': { schema: z.string() },
      },
    },
    ...refusals,
  },
})

const events: Answer<typeof eventsRoute> = async (c) => {
  const { limit, cursor, kind, device_id: deviceId } = c.req.valid('query')
  const accept = c.req.header('accept') ?? ''
  if (accept.startsWith('text/event-stream')) return stream(c)
  const binding = ['events', kind ?? '', deviceId ?? '']
  const from = readCursor(cursor, binding)
  const now = from?.at ?? c.env.clock.now()
  const before = readPlace(from?.after[0] ?? '')
  const rows = await pageEvents(c.env.db, { kind, deviceId }, { before, limit: limit + 1, now })
  const page = pageOf(rows, limit, ({ id }) => writeCursor({ after: [id], at: now }, binding))
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

async function stream(c: Ctx): Promise<Response> {
  const { db, config } = c.env
  const asked = readPlace(c.req.header('last-event-id') ?? '')
  const place = asked ?? (await eventHead(db))
  const body = ReadableStream.from(lines(c.env, place, config.eventStreamSeconds * 1000))
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  })
}

/** Events from a place on until the stream's time is up; a comment now and then keeps proxies from closing it. */
async function* lines(
  { db, clock }: Deps,
  from: EventPlace,
  lengthMs: number,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  const end = performance.now() + lengthMs
  let place = from
  let beat = performance.now()
  yield encoder.encode('retry: 1000\n\n')
  while (performance.now() < end) {
    const found = await followEvents(db, place, { limit: BATCH, now: clock.now() })
    for (const event of found) {
      yield encoder.encode(
        `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`,
      )
      place = readPlace(event.id) ?? place
      beat = performance.now()
    }
    if (performance.now() - beat > BEAT_MS) {
      beat = performance.now()
      yield encoder.encode(': still here\n\n')
    }
    if (found.length < BATCH) await sleep(POLL_MS, undefined, { ref: false })
  }
}

/** The route of events. */
export function eventRoutes(app: App): void {
  app.openapi(eventsRoute, events)
}
