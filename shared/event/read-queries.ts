import { statement } from '../db/statement.ts'

export interface EventRow {
  at: Date
  xid: string
  id: bigint
  kind: string
  device_id: string | null
  rollout_id: number | null
  payload: string
}

// Sorted by `events.xid`: `xid` alone would be this text, and 1000 would come before 999.
const COLUMNS = 'at, xid::text as xid, id, kind, device_id, rollout_id, payload'

// By (xid, id), and below the oldest transaction that is still open: identities come out of order, and one that was passed over would never be seen.
export const readEventsAfter = statement<
  [xid: string, id: bigint, since: Date, limit: number],
  EventRow
>(
  'events_after_read',
  `select ${COLUMNS} from events
    where (xid, id) > ($1::xid8, $2::bigint) and xid < pg_snapshot_xmin(pg_current_snapshot()) and at >= $3::timestamptz
    order by events.xid, id limit $4::int`,
)

export const readEventsBefore = statement<
  [
    xid: string | null,
    id: bigint | null,
    since: Date,
    kind: string | null,
    deviceId: string | null,
    limit: number,
  ],
  EventRow
>(
  'events_before_read',
  `select ${COLUMNS} from events
    where ($1::xid8 is null or (xid, id) < ($1::xid8, $2::bigint)) and xid < pg_snapshot_xmin(pg_current_snapshot())
      and at >= $3::timestamptz and ($4::text is null or kind = $4::text or kind like $4::text || '.%')
      and ($5::text is null or device_id = $5::text)
    order by events.xid desc, id desc limit $6::int`,
)

export const readEventHead = statement<[], { xid: string }>(
  'events_head_read',
  `select pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
)
