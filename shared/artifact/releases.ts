import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import { findArtifact, serialId } from './artifacts.ts'
import {
  deleteBareRelease,
  deleteReleaseRow,
  findRelease,
  insertRelease,
  insertReleaseArtifacts,
  listReleases,
  readReleaseArtifacts,
  type ReleaseArtifactRow,
  type ReleaseRow,
} from './release-queries.ts'

export interface Release extends ReleaseRow {
  artifacts: readonly ReleaseArtifactRow[]
}

export interface NewRelease {
  readonly name: string
  /** What a device says once it runs it. */
  readonly version: string
  readonly artifacts: readonly { readonly hardwareRev: string; readonly artifactId: string }[]
}

/**
 * Puts artifacts together, one for each hardware revision.
 * @throws {DomainError} release.exists, artifact.not_found, artifact.blocked
 */
export async function createRelease(tx: Db, by: Acting, made: NewRelease): Promise<Release> {
  const { name, version, artifacts } = made
  const revs = artifacts.map((each) => each.hardwareRev)
  if (new Set(revs).size !== revs.length) {
    throw new DomainError('request.invalid', { detail: 'a hardware revision is named twice' })
  }
  const row = await tx.row(insertRelease, [name, version])
  if (row === undefined) throw new DomainError('release.exists')
  const ids: number[] = []
  for (const { artifactId } of artifacts) {
    ids.push((await findArtifact({ db: tx }, artifactId)).artifact_id)
  }
  const there = await tx.rows(insertReleaseArtifacts, [row.release_id, revs, ids])
  if (there.length !== ids.length) {
    const detail = 'blocked, or signed by a key that is revoked or not for this hardware'
    throw new DomainError('artifact.blocked', { detail })
  }
  await audit(tx, { ...by, verb: 'release.create', target: name, detail: { version } })
  await emit(tx, { kind: 'release.created', payload: { name, version } })
  return readRelease(tx, name)
}

/**
 * A release by name or id.
 * @throws {DomainError} release.not_found
 */
export async function readRelease(db: Db, name: string): Promise<Release> {
  const row = await db.row(findRelease, [name, serialId(name) ?? null])
  if (row === undefined) throw new DomainError('release.not_found')
  return { ...row, artifacts: await db.rows(readReleaseArtifacts, [[row.release_id]]) }
}

/** Releases, the newest first, those older than `before`. */
export async function pageOfReleases(
  db: Db,
  before: number | undefined,
  limit: number,
): Promise<Release[]> {
  const rows = await db.rows(listReleases, [before ?? null, limit])
  const artifacts = await db.rows(readReleaseArtifacts, [rows.map((row) => row.release_id)])
  return rows.map((row) =>
    Object.assign(row, {
      artifacts: artifacts.filter((each) => each.release_id === row.release_id),
    }),
  )
}

/** @throws {DomainError} release.not_found, release.in_use */
export async function deleteRelease(tx: Db, by: Acting, name: string): Promise<void> {
  const { release_id: id } = await readRelease(tx, name)
  const free = await tx.row(deleteReleaseRow, [id])
  if (free === undefined) throw new DomainError('release.in_use')
  await tx.rows(deleteBareRelease, [id])
  await audit(tx, { ...by, verb: 'release.delete', target: name })
}
