import { isIP } from 'node:net'
import type { Db } from '../db/database.ts'
import type { JsonObject } from '../json.ts'
import { insertAudit } from './queries.ts'

/** Who did what to what, and how it ended. No secret, no body: the target's name and a code. */
export interface AuditRecord {
  /** `token ops-1`, `issuer#subject`, `device gw-1`, `system`. */
  readonly actor: string
  readonly tokenId?: string | null
  readonly source?: string
  readonly callId?: string
  /** `noun.verb`, such as `device.suspend`. */
  readonly verb: string
  readonly target?: string
  /** Error code of a refusal; absent: it was done. */
  readonly code?: string
  readonly detail?: JsonObject
}

/** Writes to the audit log in the caller's transaction: what is done and the record of it commit together. */
export async function audit(tx: Db, record: AuditRecord): Promise<void> {
  await auditAll(tx, [record])
}

/** Many records in one statement. */
export async function auditAll(tx: Db, records: readonly AuditRecord[]): Promise<void> {
  if (records.length === 0) return
  await tx.rows(insertAudit, [
    records.map((record) => record.actor),
    records.map((record) => record.tokenId ?? null),
    records.map(({ source }) => (source !== undefined && isIP(source) > 0 ? source : null)),
    records.map((record) => record.callId ?? null),
    records.map((record) => record.verb),
    records.map((record) => record.target ?? null),
    records.map((record) => record.code ?? null),
    records.map(({ detail }) => (detail === undefined ? null : JSON.stringify(detail))),
  ])
}
