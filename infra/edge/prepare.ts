import path from 'node:path'
import type { Database } from '../../shared/db/database.ts'
import { readIfThere } from '../broker/replace-file.ts'
import { writeEdgeFiles, type EdgeFile } from './files.ts'
import { readEdgeState, type EdgeSources } from './state.ts'

/** Writes what HAProxy reads at its start, as database and secrets have it; tells which files changed. */
export async function prepareEdge(
  { db, now }: { db: Database; now: Date },
  folder: string,
  sources: EdgeSources,
): Promise<EdgeFile[]> {
  const crls = await readIfThere(path.join(folder, 'clients.crl'))
  return writeEdgeFiles(folder, await readEdgeState({ db, now }, sources, crls))
}
