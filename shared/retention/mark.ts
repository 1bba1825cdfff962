import type { Db } from '../db/database.ts'
import { markHealth } from './queries.ts'

/** Tells health that retention works, or what is wrong with it. */
export async function markRetention(db: Db, problem: string | null): Promise<void> {
  await db.rows(markHealth, ['retention', problem])
}
