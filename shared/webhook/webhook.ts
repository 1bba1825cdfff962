import { randomBytes } from 'node:crypto'
import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { wrap } from '../wrap.ts'
import { urlFault } from './address.ts'
import {
  deleteWebhook,
  hastenRetries,
  insertWebhook,
  listRetries,
  listWebhooks,
  readWebhook,
  rotateSecret,
  setSecret,
  updateWebhook,
  type WebhookRow,
} from './queries.ts'
import { secretText } from './sign.ts'

/** A webhook as it is shown: never its secret. */
export interface Webhook {
  readonly id: string
  readonly url: string
  /** `device.suspended`, `device` for all of a noun, `*` for everything. */
  readonly kinds: string[]
  readonly enabled: boolean
  /** Two secrets sign while receivers change theirs. */
  readonly rotating: boolean
  /** Deliveries that failed and are tried again. */
  readonly waiting: number
}

const SECRET_BYTES = 32

/** What the wrapped secret belongs to. */
export const secretRow = (id: number): string => `webhook ${id}`

const toWebhook = (row: WebhookRow): Webhook => ({
  id: String(row.webhook_id),
  url: row.url,
  kinds: row.kinds,
  enabled: row.enabled,
  rotating: row.rotating,
  waiting: Number(row.waiting),
})

export async function pageWebhooks(db: Db, after: number, limit: number): Promise<Webhook[]> {
  return (await db.rows(listWebhooks, [after, limit])).map(toWebhook)
}

/** Throws webhook.not_found. */
export async function findWebhook(db: Db, id: number): Promise<Webhook> {
  const row = await db.row(readWebhook, [id])
  if (row === undefined) throw new DomainError('webhook.not_found')
  return toWebhook(row)
}

interface Target {
  readonly kek: () => Promise<Buffer>
  readonly allowLoopback: boolean
}

function checkUrl(url: string, allowLoopback: boolean): void {
  const fault = urlFault(url, allowLoopback)
  if (fault !== undefined) throw new DomainError('webhook.forbidden', { detail: fault })
}

/** From now on events are sent there; the secret is told this once. Throws webhook.forbidden. */
export async function createWebhook(
  tx: Db,
  acting: Acting,
  { url, kinds }: { url: string; kinds: readonly string[] },
  { kek, allowLoopback }: Target,
): Promise<{ webhook: Webhook; secret: string }> {
  checkUrl(url, allowLoopback)
  const made = await tx.row(insertWebhook, [url, kinds])
  if (made === undefined) throw new Error('an insert returned no row')
  const { webhook_id: id } = made
  const key = randomBytes(SECRET_BYTES)
  await tx.rows(setSecret, [id, wrap(await kek(), key, secretRow(id))])
  await audit(tx, { ...acting, verb: 'webhook.create', target: String(id) })
  return { webhook: await findWebhook(tx, id), secret: secretText(key) }
}

export interface WebhookChange {
  readonly url?: string | undefined
  readonly kinds?: readonly string[] | undefined
  readonly enabled?: boolean | undefined
  /** A new secret; the one before signs too until it is forgotten. */
  readonly rotate_secret?: boolean | undefined
  readonly forget_old_secret?: boolean | undefined
}

/** Throws webhook.not_found, webhook.forbidden. */
export async function changeWebhook(
  tx: Db,
  acting: Acting,
  id: number,
  change: WebhookChange,
  { kek, allowLoopback }: Target,
): Promise<{ webhook: Webhook; secret?: string }> {
  const { url, kinds, enabled, rotate_secret: rotate, forget_old_secret: forget } = change
  if (url !== undefined) checkUrl(url, allowLoopback)
  const row = await tx.row(updateWebhook, [
    id,
    url ?? null,
    kinds ?? null,
    enabled ?? null,
    forget === true,
  ])
  if (row === undefined) throw new DomainError('webhook.not_found')
  const key = rotate === true ? randomBytes(SECRET_BYTES) : undefined
  if (key !== undefined) await tx.rows(rotateSecret, [id, wrap(await kek(), key, secretRow(id))])
  await audit(tx, { ...acting, verb: 'webhook.change', target: String(id) })
  const webhook = await findWebhook(tx, id)
  return key === undefined ? { webhook } : { webhook, secret: secretText(key) }
}

/** Throws webhook.not_found. */
export async function removeWebhook(tx: Db, acting: Acting, id: number): Promise<void> {
  const row = await tx.row(deleteWebhook, [id])
  if (row === undefined) throw new DomainError('webhook.not_found')
  await audit(tx, { ...acting, verb: 'webhook.delete', target: String(id) })
}

/** A delivery that failed and is tried again until it expires. */
export interface Delivery {
  readonly event_id: string
  readonly at: string
  readonly attempts: number
  readonly next_at: string
  readonly expires_at: string
}

/** Throws webhook.not_found. */
export async function pageDeliveries(
  db: Db,
  id: number,
  after: bigint,
  limit: number,
): Promise<Delivery[]> {
  await findWebhook(db, id)
  const rows = await db.rows(listRetries, [id, after, limit])
  return rows.map((row) => ({
    event_id: String(row.event_id),
    at: row.at.toISOString(),
    attempts: row.attempts,
    next_at: row.next_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  }))
}

/** Tries all that failed at the next turn; returns how many. Throws webhook.not_found. */
export async function redeliver(tx: Db, acting: Acting, id: number, now: Date): Promise<number> {
  await findWebhook(tx, id)
  const rows = await tx.rows(hastenRetries, [id, now])
  await audit(tx, { ...acting, verb: 'webhook.redeliver', target: String(id) })
  return rows.length
}
