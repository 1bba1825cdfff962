import { statement } from '../db/statement.ts'

export interface WebhookRow {
  webhook_id: number
  url: string
  kinds: string[]
  enabled: boolean
  waiting: bigint
  rotating: boolean
}

const COLUMNS = `w.webhook_id, w.url, w.kinds, w.enabled, w.wrapped_secret_old is not null as rotating,
          (select count(*) from webhook_retries r where r.webhook_id = w.webhook_id) as waiting`

export const listWebhooks = statement<[after: number, limit: number], WebhookRow>(
  'webhooks_list',
  `select ${COLUMNS} from webhooks w where w.webhook_id > $1::int order by w.webhook_id limit $2::int`,
)

export const readWebhook = statement<[id: number], WebhookRow>(
  'webhook_read',
  `select ${COLUMNS} from webhooks w where w.webhook_id = $1::int`,
)

export const insertWebhook = statement<
  [url: string, kinds: readonly string[]],
  { webhook_id: number }
>(
  'webhook_insert',
  `insert into webhooks (url, kinds, wrapped_secret) values ($1::text, $2::text[], '') returning webhook_id`,
)

export const setSecret = statement<[id: number, wrapped: Buffer]>(
  'webhook_secret_set',
  `update webhooks set wrapped_secret = $2::bytea where webhook_id = $1::int`,
)

export const rotateSecret = statement<[id: number, wrapped: Buffer]>(
  'webhook_secret_rotate',
  `update webhooks set wrapped_secret_old = wrapped_secret, wrapped_secret = $2::bytea where webhook_id = $1::int`,
)

// Switched on again, it goes on from now: what happened while nobody listened is not poured out.
export const updateWebhook = statement<
  [
    id: number,
    url: string | null,
    kinds: readonly string[] | null,
    enabled: boolean | null,
    forgetOld: boolean,
  ],
  { webhook_id: number }
>(
  'webhook_update',
  `update webhooks
      set url = coalesce($2::text, url), kinds = coalesce($3::text[], kinds), enabled = coalesce($4::boolean, enabled),
          cursor_xid = case when $4::boolean and not enabled then pg_snapshot_xmin(pg_current_snapshot()) else cursor_xid end,
          cursor_id = case when $4::boolean and not enabled then 0 else cursor_id end,
          wrapped_secret_old = case when $5::boolean then null else wrapped_secret_old end
    where webhook_id = $1::int returning webhook_id`,
)

export const deleteWebhook = statement<[id: number], { webhook_id: number }>(
  'webhook_delete',
  `with r as (delete from webhook_retries where webhook_id = $1::int)
   delete from webhooks where webhook_id = $1::int returning webhook_id`,
)

export interface SecretsRow {
  webhook_id: number
  url: string
  kinds: string[]
  wrapped_secret: Buffer
  wrapped_secret_old: Buffer | null
}

export const readSecrets = statement<[id: number], SecretsRow>(
  'webhook_secrets_read',
  `select webhook_id, url, kinds, wrapped_secret, wrapped_secret_old from webhooks where webhook_id = $1::int`,
)

export interface ClaimedRow extends SecretsRow {
  cursor_xid: string
  cursor_id: bigint
}

export const claimWebhooks = statement<
  [holder: string, seconds: number, limit: number],
  ClaimedRow
>(
  'webhooks_claim',
  `with due as (select webhook_id from webhooks where enabled and lease_until < clock_timestamp()
                 order by webhook_id limit $3::int for update skip locked)
   update webhooks w set holder = $1::text, lease_until = clock_timestamp() + make_interval(secs => $2::int)
     from due where w.webhook_id = due.webhook_id
   returning w.webhook_id, w.url, w.kinds, w.wrapped_secret, w.wrapped_secret_old, w.cursor_xid::text as cursor_xid, w.cursor_id`,
)

// No row: the lease was lost; someone else delivers from the older place.
export const saveCursor = statement<
  [id: number, holder: string, xid: string, eventId: bigint],
  { webhook_id: number }
>(
  'webhook_cursor_save',
  `update webhooks set cursor_xid = $3::xid8, cursor_id = $4::bigint, lease_until = '-infinity'
    where webhook_id = $1::int and holder = $2::text returning webhook_id`,
)

export const insertRetries = statement<
  [
    id: number,
    events: readonly bigint[],
    at: readonly Date[],
    payloads: readonly string[],
    nextAt: Date,
  ]
>(
  'webhook_retries_insert',
  `insert into webhook_retries (webhook_id, event_id, at, payload, next_at, expires_at)
   select $1::int, event_id, at, payload, $5::timestamptz, at + interval '3 days'
     from unnest($2::bigint[], $3::timestamptz[], $4::text[]) as t(event_id, at, payload)
   on conflict do nothing`,
)

export interface RetryRow {
  webhook_id: number
  event_id: bigint
  payload: string
  attempts: number
}

// Claimed by moving them on: whoever dies with them is made up for at the next turn.
export const claimRetries = statement<[now: Date, limit: number], RetryRow>(
  'webhook_retries_claim',
  `with due as (select r.webhook_id, r.event_id from webhook_retries r join webhooks w on w.webhook_id = r.webhook_id and w.enabled
                 where r.next_at <= $1::timestamptz and r.expires_at > $1::timestamptz
                 order by r.next_at limit $2::int for update of r skip locked)
   update webhook_retries r
      set attempts = r.attempts + 1,
          next_at = $1::timestamptz + least(interval '8 hours', interval '30 seconds' * power(3, r.attempts))
     from due where r.webhook_id = due.webhook_id and r.event_id = due.event_id
   returning r.webhook_id, r.event_id, r.payload, r.attempts`,
)

export const deleteRetry = statement<[id: number, eventId: bigint]>(
  'webhook_retry_delete',
  `delete from webhook_retries where webhook_id = $1::int and event_id = $2::bigint`,
)

export const hastenRetries = statement<[id: number, now: Date], { event_id: bigint }>(
  'webhook_retries_hasten',
  `update webhook_retries set next_at = $2::timestamptz where webhook_id = $1::int returning event_id`,
)

export const disableWebhook = statement<[id: number], { webhook_id: number }>(
  'webhook_disable',
  `with r as (delete from webhook_retries where webhook_id = $1::int)
   update webhooks set enabled = false where webhook_id = $1::int and enabled returning webhook_id`,
)

export interface WaitingRow {
  event_id: bigint
  at: Date
  payload: string
  attempts: number
  next_at: Date
  expires_at: Date
}

export const listRetries = statement<[id: number, after: bigint, limit: number], WaitingRow>(
  'webhook_retries_list',
  `select event_id, at, payload, attempts, next_at, expires_at from webhook_retries
    where webhook_id = $1::int and event_id > $2::bigint order by event_id limit $3::int`,
)
