import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { merkleRoot } from './merkle.ts'
import {
  insertSeal,
  lockSeals,
  readHorizon,
  readLastSeal,
  readSealable,
  type SealedRecord,
  type SealRow,
} from './seal-queries.ts'

// RFC 8410: an Ed25519 key in PKCS #8 is this and the seed of 32 bytes; in SPKI the other one and the public key.
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const SEED_BYTES = 32
const ROWS_MAX = 50_000
const SLACK_MS = 86_400_000

/** The secret `audit-key`: a seed in base64, or PKCS #8 in PEM. */
export function readAuditKey(secret: Buffer): KeyObject {
  const text = secret.toString('latin1').trim()
  if (text.startsWith('-----BEGIN')) return createPrivateKey(text)
  const seed = Buffer.from(text, 'base64')
  if (seed.length !== SEED_BYTES) throw new Error('the audit key is no Ed25519 key')
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
}

/** The 32 bytes of the public key. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
}

/** What a seal signs, but for the signature. */
export type SealContent = Pick<
  SealRow,
  'seal_id' | 'from_xid' | 'to_xid' | 'rows' | 'root' | 'previous' | 'at'
>

/** The signed text: lines, each ended by LF. */
export function sealText(seal: SealContent): Buffer {
  const lines = [
    'muster-seal-1',
    seal.seal_id,
    seal.from_xid,
    seal.to_xid,
    seal.rows,
    seal.root.toString('hex'),
    seal.previous.toString('hex'),
    seal.at.toISOString(),
  ]
  return Buffer.from(lines.map((line) => `${line}\n`).join(''))
}

export function sealHolds(seal: SealRow): boolean {
  const key = Buffer.concat([SPKI, seal.public_key])
  return verify(null, sealText(seal), { key, format: 'der', type: 'spki' }, seal.signature)
}

/** Leaves of the tree: `id|xid|record`. */
export function rootOf(records: readonly SealedRecord[]): Buffer {
  return merkleRoot(records.map(({ id, xid, record }) => Buffer.from(`${id}|${xid}|${record}`)))
}

export interface Sealed {
  readonly sealId: bigint
  readonly rows: number
  readonly root: string
}

interface SealDeps {
  readonly db: Database
  readonly clock: Clock
}

/**
 * Seals what was written since the last seal: a root over the records, signed together with the root before. Nothing new, no seal.
 * Two at once: one of them does nothing.
 */
export async function sealAudit(deps: SealDeps, key: KeyObject): Promise<Sealed | undefined> {
  return transaction(deps.db, async (tx) => {
    const lock = await tx.row(lockSeals, [])
    if (lock?.free !== true) return undefined
    const last = await tx.row(readLastSeal, [])
    const { records, to } = await readNew(tx, last)
    if (records.length === 0) return undefined
    const content: SealContent = {
      seal_id: (last?.seal_id ?? 0n) + 1n,
      from_xid: last?.to_xid ?? '0',
      to_xid: to,
      rows: BigInt(records.length),
      root: rootOf(records),
      previous: last?.root ?? Buffer.alloc(0),
      at: deps.clock.now(),
    }
    await tx.rows(insertSeal, [
      content.seal_id,
      content.from_xid,
      content.to_xid,
      records.length,
      content.root,
      content.previous,
      sign(null, sealText(content), key),
      publicKeyBytes(key),
      content.at,
    ])
    return { sealId: content.seal_id, rows: records.length, root: content.root.toString('hex') }
  })
}

async function readNew(
  tx: Db,
  last: SealRow | undefined,
): Promise<{ records: SealedRecord[]; to: string }> {
  const horizon = (await tx.row(readHorizon, []))?.horizon ?? '0'
  const from = last?.to_xid ?? '0'
  const since = last === undefined ? null : new Date(last.at.getTime() - SLACK_MS)
  const records = await tx.rows(readSealable, [from, horizon, since, ROWS_MAX])
  if (records.length < ROWS_MAX) return { records, to: horizon }
  // Too many for one seal: whole transactions only, the rest with the next tick.
  const to = records.at(-1)?.xid ?? horizon
  return { records: records.filter((record) => record.xid !== to), to }
}
