import type { Db } from '../db/database.ts'
import { emit, emitAll } from '../event/emit.ts'
import { blockArtifact as block, blockArtifactsOfKey } from './queries.ts'

/** Takes an artifact out of use: nothing of it is sent to a device any more, and the engine pauses rollouts of it. */
export async function blockArtifact(tx: Db, id: number, problem: string): Promise<void> {
  const row = await tx.row(block, [id])
  if (row === undefined) return
  await emit(tx, { kind: 'artifact.blocked', payload: { id: String(id), problem } })
}

/** The same for everything that a key has signed. */
export async function blockSignedBy(tx: Db, key: string): Promise<void> {
  const rows = await tx.rows(blockArtifactsOfKey, [key])
  const problem = `was signed by ${key}, which is revoked`
  await emitAll(
    tx,
    rows.map(({ artifact_id: id }) => ({
      kind: 'artifact.blocked',
      payload: { id: String(id), problem },
    })),
  )
}
