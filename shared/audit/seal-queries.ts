import { statement } from '../db/statement.ts'

export interface SealRow {
  seal_id: bigint
  from_xid: string
  to_xid: string
  rows: bigint
  root: Buffer
  previous: Buffer
  signature: Buffer
  public_key: Buffer
  at: Date
}

const COLUMNS = 'seal_id, from_xid, to_xid, rows, root, previous, signature, public_key, at'

export const lockSeals = statement<[], { free: boolean }>(
  'audit_seals_lock',
  `select pg_try_advisory_xact_lock(7230118) as free`,
)

export const readLastSeal = statement<[], SealRow>(
  'audit_seal_last',
  `select ${COLUMNS} from audit_seals order by seal_id desc limit 1`,
)

export const listSeals = statement<[after: bigint, limit: number], SealRow>(
  'audit_seals_list',
  `select ${COLUMNS} from audit_seals where seal_id > $1::bigint order by seal_id limit $2::int`,
)

export const insertSeal = statement<
  [
    id: bigint,
    from: string,
    to: string,
    rows: number,
    root: Buffer,
    previous: Buffer,
    signature: Buffer,
    publicKey: Buffer,
    at: Date,
  ]
>(
  'audit_seal_insert',
  `insert into audit_seals (${COLUMNS})
   values ($1::bigint, $2::xid8, $3::xid8, $4::bigint, $5::bytea, $6::bytea, $7::bytea, $8::bytea, $9::timestamptz)`,
)

export const readHorizon = statement<[], { horizon: string }>(
  'audit_horizon',
  `select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`,
)

export interface SealedRecord {
  id: bigint
  xid: string
  record: string
}

// The record as one text: a JSON array of the columns, times to the microsecond, so that whoever has an export can compute the same.
// Rows of transactions that are still open lie at or above the horizon: none is missed. `audit.xid` is the column; `xid` alone would be
// the text that is selected, and 1000 would come before 999.
export const readSealable = statement<
  [from: string, to: string, since: Date | null, limit: number],
  SealedRecord
>(
  'audit_sealable_read',
  `select id, xid::text as xid,
          jsonb_build_array(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, token_id, host(source), call_id,
                            verb, target, code, detail)::text as record
     from audit
    where xid >= $1::xid8 and xid < $2::xid8 and ($3::timestamptz is null or at >= $3::timestamptz)
    order by audit.xid, id limit $4::int`,
)
