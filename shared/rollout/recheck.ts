import { blockArtifact } from '../artifact/block.ts'
import { trustedKeys } from '../artifact/keys.ts'
import { readOn, type Readings } from '../artifact/reading.ts'
import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import type { SaveSlice } from '../operation/advance.ts'
import type { Operation } from '../operation/operation.ts'
import type { ObjectStore } from '../storage/store.ts'
import { tellStatus } from './change-rollout.ts'
import { markChecked, moveRollout } from './queries.ts'
import { readRollout } from './read-rollout.ts'
import { readRolloutArtifacts, type RolloutArtifact } from './recheck-queries.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
  readonly objects: ObjectStore
  readonly readings: Readings
}

/**
 * One slice of hashing a starting rollout's artifacts again: a store that was tampered with, or a key revoked since, stops it
 * here. The cursor is the last artifact that was found sound.
 */
export async function recheckRollout(
  deps: Deps,
  operation: Operation,
  save: SaveSlice,
): Promise<void> {
  const id = Number(operation.input['rollout_id'])
  const { db, clock } = deps
  const artifacts = await db.rows(readRolloutArtifacts, [id])
  const after = Number(operation.cursor ?? 0)
  const artifact = artifacts.find((each) => each.artifact_id > after)
  if (artifact === undefined) {
    await transaction(db, async (tx) => {
      await tx.rows(markChecked, [id, clock.now()])
      await save(tx, { cursor: operation.cursor, done: 1, failed: 0, end: 'succeeded' })
    })
    return
  }
  const problem = await problemOf(deps, operation, artifact)
  await transaction(db, async (tx) => {
    if (problem === undefined) return save(tx, { cursor: operation.cursor, done: 0, failed: 0 })
    if (problem === 'sound') {
      return save(tx, { cursor: String(artifact.artifact_id), done: 0, failed: 0 })
    }
    await blockArtifact(tx, artifact.artifact_id, problem)
    await pauseStarting(tx, id, `artifact ${artifact.artifact_id} ${problem}`)
    await save(tx, { cursor: operation.cursor, done: 0, failed: 1, end: 'failed' })
  })
}

async function problemOf(
  { db, objects, readings }: Deps,
  operation: Operation,
  artifact: RolloutArtifact,
): Promise<string | undefined> {
  const keys = await trustedKeys(db)
  if (artifact.key_id !== null && !keys.some((key) => key.keyId === artifact.key_id)) {
    return `was signed by ${artifact.key_id}, which is revoked`
  }
  if (artifact.state === 'blocked') return 'is blocked'
  const key = `rollout ${operation.id} ${artifact.artifact_id}`
  const { object, size, sha256 } = artifact
  const file = { object, size, signature: undefined, keys: [] }
  const digests = await readOn({ objects, readings }, key, file)
  if (digests === undefined) return undefined
  if (digests === null) return 'is gone from the object store'
  return digests.sha256.equals(sha256) ? 'sound' : 'is not what was verified at its upload'
}

async function pauseStarting(tx: Db, id: number, problem: string): Promise<void> {
  const row = await tx.row(moveRollout, [id, 'paused', ['starting'], problem])
  if (row !== undefined) await tellStatus(tx, await readRollout({ db: tx }, String(id)))
}
