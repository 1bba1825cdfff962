import { statement } from '../db/statement.ts'

export type AuditParams = [
  actors: readonly string[],
  tokenIds: readonly (string | null)[],
  sources: readonly (string | null)[],
  callIds: readonly (string | null)[],
  verbs: readonly string[],
  targets: readonly (string | null)[],
  codes: readonly (string | null)[],
  details: readonly (string | null)[],
]

export const insertAudit = statement<AuditParams>(
  'audit_insert',
  `insert into audit (actor, token_id, source, call_id, verb, target, code, detail)
   select actor, token_id, source::inet, call_id, verb, target, code, detail::jsonb
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       as t(actor, token_id, source, call_id, verb, target, code, detail)`,
)
