import type { Database } from '../../shared/db/database.ts'
import { until } from './until.ts'

/**
 * Waits until every transaction of the cluster that is open now has ended. Readers of events and of the audit log stop at the
 * oldest open one, and the tests of other files have transactions in the same cluster.
 */
export async function settled(db: Database): Promise<void> {
  const [now] = await db.unnamed<{ xmax: string }>(
    'settled',
    'select pg_snapshot_xmax(pg_current_snapshot())::text xmax',
    [],
  )
  await until('older transactions have ended', async () => {
    const [row] = await db.unnamed<{ past: boolean }>(
      'settled',
      'select pg_snapshot_xmin(pg_current_snapshot())::text::numeric >= $1::numeric past',
      [now?.xmax ?? '0'],
    )
    return row?.past
  })
}
