import { statement } from '../db/statement.ts'

export interface AuditRow {
  at: Date
  xid: string
  id: bigint
  actor: string
  token_id: string | null
  source: string | null
  call_id: string | null
  verb: string
  target: string | null
  code: string | null
  detail: unknown
  record: string
}

export const listAudit = statement<
  [
    since: Date,
    until: Date,
    actor: string | null,
    verb: string | null,
    target: string | null,
    xid: string | null,
    id: bigint | null,
    limit: number,
  ],
  AuditRow
>(
  'audit_list',
  `select at, xid::text as xid, id, actor, token_id, host(source) as source, call_id, verb, target, code, detail,
          jsonb_build_array(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, token_id, host(source), call_id,
                            verb, target, code, detail)::text as record
     from audit
    where at >= $1::timestamptz and at < $2::timestamptz and ($3::text is null or actor = $3::text)
      and ($4::text is null or verb = $4::text or verb like $4::text || '.%') and ($5::text is null or target = $5::text)
      and ($6::xid8 is null or (xid, id) < ($6::xid8, $7::bigint))
    order by audit.xid desc, id desc limit $8::int`,
)
