import type { Acting } from '../access/acting.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { listAudit, type AuditRow } from './read-queries.ts'
import { audit } from './record.ts'
import { listSeals, type SealRow } from './seal-queries.ts'

/** A record of the audit log; `id`, `xid` and `record` are what its seal covers. */
export interface AuditView {
  readonly id: string
  readonly xid: string
  readonly at: string
  readonly actor: string
  readonly token_id: string | null
  readonly source: string | null
  readonly call_id: string | null
  readonly verb: string
  readonly target: string | null
  /** Code of a refusal; null: it was done. */
  readonly code: string | null
  readonly detail: JsonObject | null
  readonly record: string
}

export interface AuditFilter {
  readonly since: Date
  readonly until: Date
  readonly actor?: string | undefined
  readonly verb?: string | undefined
  readonly target?: string | undefined
}

function toView(row: AuditRow): AuditView {
  return {
    id: String(row.id),
    xid: row.xid,
    at: row.at.toISOString(),
    actor: row.actor,
    token_id: row.token_id,
    source: row.source,
    call_id: row.call_id,
    verb: row.verb,
    target: row.target,
    code: row.code,
    detail: isJsonObject(row.detail) ? row.detail : null,
    record: row.record,
  }
}

/** Newest first. Reading is recorded too, once for the first page. */
export async function pageAudit(
  db: Db,
  acting: Acting,
  { since, until, actor, verb, target }: AuditFilter,
  page: { after: readonly (string | null)[] | undefined; limit: number },
): Promise<AuditView[]> {
  const [xid = null, id = null] = page.after ?? []
  if (id !== null && !/^\d{1,18}$/.test(id)) throw new DomainError('page.cursor_invalid')
  const rows = await db.rows(listAudit, [
    since,
    until,
    actor ?? null,
    verb ?? null,
    target ?? null,
    xid,
    id === null ? null : BigInt(id),
    page.limit,
  ])
  if (page.after === undefined) await audit(db, { ...acting, verb: 'audit.read' })
  return rows.map(toView)
}

/** A seal as it is shown: all that a verifier needs who has the records. */
export interface SealView {
  readonly id: string
  readonly from_xid: string
  readonly to_xid: string
  readonly rows: number
  /** Hex, as are the others. */
  readonly root: string
  readonly previous: string
  readonly signature: string
  readonly public_key: string
  readonly at: string
}

function toSeal(row: SealRow): SealView {
  return {
    id: String(row.seal_id),
    from_xid: row.from_xid,
    to_xid: row.to_xid,
    rows: Number(row.rows),
    root: row.root.toString('hex'),
    previous: row.previous.toString('hex'),
    signature: row.signature.toString('hex'),
    public_key: row.public_key.toString('hex'),
    at: row.at.toISOString(),
  }
}

/** Oldest first. */
export async function pageSeals(db: Db, after: bigint, limit: number): Promise<SealView[]> {
  return (await db.rows(listSeals, [after, limit])).map(toSeal)
}
