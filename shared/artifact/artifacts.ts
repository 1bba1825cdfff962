import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import type { ObjectStore } from '../storage/store.ts'
import type { Artifact, ArtifactRow } from './artifact.ts'
import type { Digests } from './digest.ts'
import {
  deleteArtifactRow,
  insertArtifact,
  listArtifacts,
  readArtifact,
  readArtifactBySha256,
  readDeviceArtifact,
} from './queries.ts'

interface Deps {
  readonly db: Database
  readonly objects: ObjectStore
}

const ID = /^[1-9][0-9]{0,9}$/
const INT_MAX = 2 ** 31 - 1

/** A serial id out of a path; undefined when the text is none. */
export function serialId(text: string): number | undefined {
  return ID.test(text) && Number(text) <= INT_MAX ? Number(text) : undefined
}

/**
 * An artifact by its id or its SHA-256.
 * @throws {DomainError} artifact.not_found
 */
export async function findArtifact({ db }: { db: Db }, name: string): Promise<Artifact> {
  const bySha256 = /^[0-9a-f]{64}$/i.test(name)
    ? (await db.row(readArtifactBySha256, [Buffer.from(name, 'hex')]))?.artifact_id
    : serialId(name)
  const row = bySha256 === undefined ? undefined : await db.row(readArtifact, [bySha256])
  if (row === undefined) throw new DomainError('artifact.not_found')
  return row
}

/** Artifacts, the newest first, those older than `before`. */
export function pageOfArtifacts(
  { db }: { db: Db },
  before: number | undefined,
  limit: number,
): Promise<Artifact[]> {
  return db.rows(listArtifacts, [before ?? null, limit])
}

/** The artifact if an open action of the device names it: no credential opens more than that. */
export async function artifactOfDevice(
  { db }: { db: Db },
  deviceId: DeviceId,
  name: string,
): Promise<ArtifactRow> {
  const id = serialId(name)
  const row = id === undefined ? undefined : await db.row(readDeviceArtifact, [deviceId, id])
  if (row === undefined) throw new DomainError('auth.scope_missing')
  return row
}

export interface NewArtifact {
  readonly name: string
  readonly version: string
  readonly object: string
  readonly digests: Digests
  readonly signature: 'trusted' | 'unsigned_allowed'
}

/**
 * Records what was read and judged.
 * @throws {DomainError} artifact.exists
 */
export async function recordArtifact(
  tx: Db,
  by: Pick<Acting, 'actor'> & Partial<Acting>,
  { name, version, object, digests, signature }: NewArtifact,
): Promise<ArtifactRow> {
  const { bytes, sha256, sha1, md5, keyId = null } = digests
  const row = await tx.row(insertArtifact, [
    ...([name, version, BigInt(bytes), sha256, sha1, md5] as const),
    ...([object, signature, keyId] as const),
  ])
  if (row === undefined) {
    const known = await tx.row(readArtifactBySha256, [sha256])
    throw new DomainError('artifact.exists', { artifact_id: String(known?.artifact_id) })
  }
  const target = String(row.artifact_id)
  const payload = { id: target, name, sha256: sha256.toString('hex'), signed_by: keyId }
  await audit(tx, { ...by, verb: 'artifact.create', target, detail: payload })
  await emit(tx, { kind: 'artifact.ready', payload })
  return row
}

/** Puts a refused file on record: someone may have tried what nobody should. */
export async function tellRefusal(
  tx: Db,
  by: Pick<Acting, 'actor'> & Partial<Acting>,
  name: string,
  { code }: DomainError,
): Promise<void> {
  await audit(tx, { ...by, verb: 'artifact.create', target: name, code })
  await emit(tx, { kind: 'artifact.refused', payload: { name, code } })
}

/** @throws {DomainError} artifact.not_found, artifact.in_use */
export async function deleteArtifact(
  { db, objects }: Deps,
  by: Acting,
  name: string,
): Promise<void> {
  const { artifact_id: id } = await findArtifact({ db }, name)
  const gone = await transaction(db, async (tx) => {
    const row = await tx.row(deleteArtifactRow, [id])
    if (row === undefined) throw new DomainError('artifact.in_use')
    await audit(tx, { ...by, verb: 'artifact.delete', target: String(id) })
    return row
  })
  // The row first: an object without a row is only space, a row without an object is a broken promise.
  await objects.delete(gone.object)
}
