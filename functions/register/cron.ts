import { endForgottenImports, importStep } from '../../shared/allowlist/import.ts'
import { CERTIFICATES_KIND, certificateBulkStep } from '../../shared/certificate/bulk.ts'
import { BULK_KIND, bulkStep } from '../../shared/device/bulk.ts'
import { advanceOperations } from '../../shared/operation/advance.ts'
import { notifyOutbox } from '../../shared/outbox/notify.ts'
import type { Deps } from './deps.ts'
import { renewUrl } from './renew-url.ts'
import { revoke, revokeDevice } from './revoke.ts'

/** Goes on with long work; idempotent, since each slice is claimed by a lease. */
export async function cron(deps: Deps): Promise<Response> {
  const { db, clock, log } = deps
  await advanceOperations({
    db,
    owner: 'register',
    steps: {
      'allowlist.import': importStep(db),
      [BULK_KIND]: bulkStep({
        db,
        revoke: (acting, id) => revokeDevice(deps, acting, id),
        notifyOutbox: (slots) => notifyOutbox(db, slots),
      }),
      [CERTIFICATES_KIND]: certificateBulkStep({
        db,
        clock,
        renewUrl: renewUrl(deps),
        revoke: (acting, id, reason) => revoke(deps, acting, { device_id: id }, reason),
        notifyOutbox: (slots) => notifyOutbox(db, slots),
      }),
    },
    failed: (operation, error) => {
      log.error({ err: error, operation: operation.id, kind: operation.kind }, 'a slice failed')
    },
  })
  await endForgottenImports(db, clock.now())
  return new Response(null, { status: 204 })
}
