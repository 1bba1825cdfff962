import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import type { ObjectStore } from '../storage/store.ts'
import { writeStoreMark } from './mark-queries.ts'

interface Deps {
  readonly db: Db
  readonly clock: Clock
  readonly objects: ObjectStore
}

/** Tells health whether the object store can be used. */
export async function markStore({ db, clock, objects }: Deps): Promise<void> {
  const problem = await objects.check().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : 'unknown'),
  )
  await db.rows(writeStoreMark, [clock.now(), problem])
}
