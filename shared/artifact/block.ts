import type { Db } from '../db/database.ts'
import { emit } from '../event/emit.ts'
import { blockArtifact as block } from './queries.ts'

/** Takes an artifact out of use: nothing of it is sent to a device any more. */
export async function blockArtifact(tx: Db, id: number, problem: string): Promise<void> {
  const row = await tx.row(block, [id])
  if (row === undefined) return
  await emit(tx, { kind: 'artifact.blocked', payload: { id: String(id), problem } })
}
