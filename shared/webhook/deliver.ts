import { randomUUID } from 'node:crypto'
import { auditAll } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import { followEvents, readPlace, type EventView } from '../event/read.ts'
import { unwrap } from '../wrap.ts'
import {
  claimRetries,
  claimWebhooks,
  deleteRetry,
  disableWebhook,
  insertRetries,
  readSecrets,
  saveCursor,
  type ClaimedRow,
  type RetryRow,
  type SecretsRow,
} from './queries.ts'
import { isDelivered, send, type Sent } from './send.ts'
import { signedHeaders } from './sign.ts'
import { secretRow } from './webhook.ts'

export interface DeliverDeps {
  readonly db: Database
  readonly clock: Clock
  /** The key-encryption key; asked for only where there is something to sign. */
  readonly kek: () => Promise<Buffer>
  readonly allowLoopback: boolean
}

const BATCH = 100
const AT_ONCE = 8
const LEASE_SECONDS = 60
/** A turn begins nothing new after this long. */
const TURN_MS = 4_000
const FIRST_RETRY_MS = 30_000
const GONE = 410

/** Whether a webhook wants events of this kind. */
export function wants(kinds: readonly string[], kind: string): boolean {
  return kinds.some((each) => each === '*' || each === kind || kind.startsWith(`${each}.`))
}

/** The body of a delivery (Standard Webhooks): the same in every attempt. */
export function bodyOf({ id, kind, at, data, device_id, rollout_id }: EventView): string {
  return JSON.stringify({ type: kind, timestamp: at, data: { id, device_id, rollout_id, ...data } })
}

async function post(
  deps: DeliverDeps,
  webhook: SecretsRow,
  id: string,
  body: string,
): Promise<Sent> {
  const { clock, allowLoopback } = deps
  const kek = await deps.kek()
  const row = secretRow(webhook.webhook_id)
  const wrapped = [webhook.wrapped_secret, webhook.wrapped_secret_old]
  const keys = wrapped.flatMap((each) => (each === null ? [] : [unwrap(kek, each, row)]))
  const headers = signedHeaders(keys, id, clock.now(), body)
  return send({ url: webhook.url, headers, body, allowLoopback })
}

/** Sends what is new and what failed before; at least once, and under the same id each time. */
export async function deliverWebhooks(deps: DeliverDeps): Promise<void> {
  const holder = randomUUID()
  const claimed = await deps.db.rows(claimWebhooks, [holder, LEASE_SECONDS, AT_ONCE])
  await eachOnItsOwn(claimed.map((webhook) => deliverNew(deps, webhook, holder)))
  const retries = await deps.db.rows(claimRetries, [deps.clock.now(), AT_ONCE])
  await eachOnItsOwn(retries.map((retry) => deliverAgain(deps, retry)))
}

/** One that fails keeps no other one from ending. */
async function eachOnItsOwn(works: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(works)
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw new Error('a webhook failed', { cause: failed.reason })
}

async function deliverNew(deps: DeliverDeps, webhook: ClaimedRow, holder: string): Promise<void> {
  const { db, clock } = deps
  const place = { xid: webhook.cursor_xid, id: webhook.cursor_id }
  const events = await followEvents(db, place, { limit: BATCH, now: clock.now() })
  const turn = await sendBatch(deps, webhook, events)
  if (turn === 'gone') return
  const next = (turn.last && readPlace(turn.last.id)) ?? place
  await transaction(db, async (tx) => {
    const kept = await tx.row(saveCursor, [webhook.webhook_id, holder, next.xid, next.id])
    if (kept === undefined || turn.failed.length === 0) return
    await tx.rows(insertRetries, [
      webhook.webhook_id,
      turn.failed.map(({ id }) => readPlace(id)?.id ?? 0n),
      turn.failed.map(({ at }) => new Date(at)),
      turn.failed.map((event) => JSON.stringify({ id: event.id, body: bodyOf(event) })),
      new Date(clock.now().getTime() + FIRST_RETRY_MS),
    ])
  })
}

interface Turn {
  /** The last event that was sent, kept for later or not wanted. */
  readonly last: EventView | undefined
  readonly failed: readonly EventView[]
}

async function sendBatch(
  deps: DeliverDeps,
  webhook: ClaimedRow,
  events: readonly EventView[],
): Promise<Turn | 'gone'> {
  const end = performance.now() + TURN_MS
  const failed: EventView[] = []
  let last: EventView | undefined
  for (const event of events) {
    if (performance.now() >= end) break
    last = event
    if (!wants(webhook.kinds, event.kind)) continue
    // After a failure the rest of the batch waits: a receiver that is down is not knocked at a hundred times.
    const sent = failed.length > 0 ? undefined : await post(deps, webhook, event.id, bodyOf(event))
    if (sent?.status === GONE) {
      await disable(deps, webhook.webhook_id)
      return 'gone'
    }
    if (sent === undefined || !isDelivered(sent)) failed.push(event)
  }
  return { last, failed }
}

async function deliverAgain(deps: DeliverDeps, retry: RetryRow): Promise<void> {
  const webhook = await deps.db.row(readSecrets, [retry.webhook_id])
  if (webhook === undefined) return
  const { id, body }: { id: string; body: string } = JSON.parse(retry.payload)
  const sent = await post(deps, webhook, id, body)
  if (sent.status === GONE) await disable(deps, retry.webhook_id)
  else if (isDelivered(sent)) await deps.db.rows(deleteRetry, [retry.webhook_id, retry.event_id])
}

/** The receiver says that it wants no more (410). */
async function disable({ db }: DeliverDeps, id: number): Promise<void> {
  await transaction(db, async (tx) => {
    const row = await tx.row(disableWebhook, [id])
    if (row === undefined) return
    await emit(tx, { kind: 'webhook.disabled', payload: { webhook_id: String(id) } })
    await auditAll(tx, [{ actor: 'system', verb: 'webhook.disable', target: String(id) }])
  })
}

/** Sends one event of no consequence, at once. Throws webhook.not_found. */
export async function testWebhook(deps: DeliverDeps, id: number): Promise<Sent> {
  const webhook = await deps.db.row(readSecrets, [id])
  if (webhook === undefined) throw new DomainError('webhook.not_found')
  const at = deps.clock.now().toISOString()
  const body = JSON.stringify({ type: 'webhook.test', timestamp: at, data: {} })
  return post(deps, webhook, `test-${randomUUID()}`, body)
}
