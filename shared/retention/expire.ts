import type { Db } from '../db/database.ts'
import type { Settings } from '../setting/definitions.ts'
import { EXPIRED } from './queries.ts'

const DAY_MS = 86_400_000
const BATCH = 5000

type Expiring = keyof typeof EXPIRED

/** Moments up to which the rows of each table have ended. */
function moments(now: Date, settings: Settings): Record<Expiring, Date> {
  const before = (days: number) => new Date(now.getTime() - days * DAY_MS)
  return {
    enrollments: now,
    // A CRL names a certificate for a day after its end.
    certificates: before(Math.max(settings['retention.certificate_days'], 2)),
    revocations: before(2),
    seen_once: now,
    idempotency_keys: now,
    webhook_retries: now,
    console_links: now,
    operation_results: before(settings['retention.result_days']),
    operations: before(settings['retention.operation_days']),
    actions: before(settings['retention.action_days']),
  }
}

function isExpiring(name: string): name is Expiring {
  return Object.hasOwn(EXPIRED, name)
}

/** Deletes what has ended, 5,000 rows a statement, until nothing is left or the time is up. Returns how many rows went, by table. */
export async function expireRows(
  db: Db,
  now: Date,
  settings: Settings,
  budgetMs: number,
): Promise<Map<string, number>> {
  const end = performance.now() + budgetMs
  const until = moments(now, settings)
  const gone = new Map<string, number>()
  for (const table of Object.keys(EXPIRED).filter(isExpiring)) {
    let rows = BATCH
    while (rows === BATCH && performance.now() < end) {
      rows = (await db.row(EXPIRED[table], [until[table]]))?.gone ?? 0
      if (rows > 0) gone.set(table, (gone.get(table) ?? 0) + rows)
    }
  }
  return gone
}
