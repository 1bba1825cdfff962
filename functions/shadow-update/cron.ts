import { backfillStep, NotYet } from '../../shared/index/backfill.ts'
import { BACKFILL_KIND } from '../../shared/index/declare.ts'
import { advanceOperations } from '../../shared/operation/advance.ts'
import { SHADOWS_BULK_KIND, shadowsBulkStep } from '../../shared/shadow/bulk.ts'
import type { Deps } from './deps.ts'

/** Goes on with long work; idempotent, since each slice is claimed by a lease. */
export async function cron({ db, clock, log, shadows }: Deps): Promise<Response> {
  await advanceOperations({
    db,
    owner: 'shadow-update',
    steps: {
      [BACKFILL_KIND]: backfillStep({ db, clock }),
      [SHADOWS_BULK_KIND]: shadowsBulkStep(shadows),
    },
    failed: (operation, error) => {
      const fields = { err: error, operation: operation.id, kind: operation.kind }
      if (error instanceof NotYet) log.debug(fields, 'a slice waits')
      else log.error(fields, 'a slice failed')
    },
  })
  return new Response(null, { status: 204 })
}
