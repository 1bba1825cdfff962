import type { Db } from '../db/database.ts'
import { listSeals, readSealable, type SealRow } from './seal-queries.ts'
import { rootOf, sealHolds } from './seal.ts'

export interface SealFault {
  readonly seal_id: string
  /** What does not hold: the signature, the chain to the seal before, or the records under it. */
  readonly fault: 'signature' | 'previous' | 'records'
  readonly at: string
}

export interface Verified {
  readonly seals: number
  readonly records: number
  /** Seals whose records are past their time and may be gone. */
  readonly aged: number
  readonly faults: SealFault[]
}

const PAGE = 500
const ROWS_MAX = 100_000
const FAULTS_MAX = 100
/** A month less than records are kept. */
const KEPT_MS = 23 * 30 * 86_400_000

/** Computes every seal anew from the records that stand in the database. */
export async function verifyAudit(db: Db, now: Date): Promise<Verified> {
  const faults: SealFault[] = []
  let seals = 0
  let records = 0
  let aged = 0
  const since = new Date(now.getTime() - KEPT_MS)
  let previous: SealRow | undefined
  for (;;) {
    const page = await db.rows(listSeals, [previous?.seal_id ?? 0n, PAGE])
    for (const seal of page) {
      const old = seal.at < since
      if (old) aged += 1
      const fault = await sealFault(db, seal, previous, old)
      if (fault !== undefined && faults.length < FAULTS_MAX) {
        faults.push({ seal_id: String(seal.seal_id), fault, at: seal.at.toISOString() })
      }
      seals += 1
      records += Number(seal.rows)
      previous = seal
    }
    if (page.length < PAGE) return { seals, records, aged, faults }
  }
}

async function sealFault(
  db: Db,
  seal: SealRow,
  previous: SealRow | undefined,
  old: boolean,
): Promise<SealFault['fault'] | undefined> {
  if (!sealHolds(seal)) return 'signature'
  const chained =
    previous === undefined
      ? seal.seal_id !== 1n || seal.previous.length === 0
      : seal.seal_id === previous.seal_id + 1n &&
        seal.from_xid === previous.to_xid &&
        seal.previous.equals(previous.root)
  if (!chained) return 'previous'
  if (old) return undefined
  const rows = await db.rows(readSealable, [seal.from_xid, seal.to_xid, null, ROWS_MAX])
  return rootOf(rows).equals(seal.root) ? undefined : 'records'
}
