import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import { blockSignedBy } from './block.ts'
import type { TrustedKey } from './digest.ts'
import {
  insertKey,
  listKeys,
  readKey,
  readTrustedKeys,
  revokeKeyRow,
  type KeyRow,
} from './key-queries.ts'
import { ALGORITHMS, fingerprint, readPublicKey } from './public-key.ts'

export interface NewKey {
  readonly name: string
  readonly publicKey: string
  /** The hardware that its artifacts may go to; absent: all. */
  readonly hardwareRevs?: readonly string[] | undefined
}

/** Trusts a key: what it signs may be uploaded from now on. */
export async function addKey(tx: Db, by: Acting, key: NewKey): Promise<KeyRow> {
  const { algorithm, der } = readPublicKey(key.publicKey)
  const row = await tx.row(insertKey, [key.name, algorithm, der, key.hardwareRevs ?? null])
  if (row === undefined) throw new DomainError('key.exists')
  const detail = { fingerprint: fingerprint(der) }
  await audit(tx, { ...by, verb: 'key.add', target: key.name, detail })
  await emit(tx, { kind: 'key.added', payload: { name: key.name, ...detail } })
  return row
}

/** Trusts a key no longer: what it signed is blocked, and rollouts of it are paused. Again at will. */
export async function revokeKey(tx: Db, by: Acting, name: string): Promise<void> {
  const row = await tx.row(revokeKeyRow, [name])
  if (row === undefined) {
    await findKey(tx, name)
    return
  }
  await blockSignedBy(tx, name)
  await audit(tx, { ...by, verb: 'key.revoke', target: name })
  await emit(tx, { kind: 'key.revoked', payload: { name } })
}

export async function findKey(db: Db, name: string): Promise<KeyRow> {
  const row = await db.row(readKey, [name])
  if (row === undefined) throw new DomainError('key.not_found')
  return row
}

/** Keys by name, those after `after`. */
export function pageOfKeys(db: Db, after: string, limit: number): Promise<KeyRow[]> {
  return db.rows(listKeys, [after, limit])
}

/** The keys that signatures are checked against. */
export async function trustedKeys(db: Db): Promise<TrustedKey[]> {
  const rows = await db.rows(readTrustedKeys, [])
  return rows.flatMap((row) => {
    const algorithm = ALGORITHMS.find((known) => known === row.algorithm)
    return algorithm === undefined ? [] : [{ keyId: row.key_id, algorithm, der: row.public_key }]
  })
}
