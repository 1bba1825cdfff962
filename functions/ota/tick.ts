import { sweepUploads } from '../../shared/artifact/abort-upload.ts'
import { checkUpload } from '../../shared/artifact/check-upload.ts'
import { CHECK_KIND } from '../../shared/artifact/complete-upload.ts'
import { markStore } from '../../shared/artifact/mark-store.ts'
import { advanceOperations } from '../../shared/operation/advance.ts'
import { kick } from '../../shared/operation/queue.ts'
import { ACTIONS_BULK_KIND, actionsBulkStep } from '../../shared/rollout/bulk.ts'
import { RECHECK_KIND } from '../../shared/rollout/move-rollout.ts'
import { recheckRollout } from '../../shared/rollout/recheck.ts'
import type { Deps } from './deps.ts'

/** Each tick: health of the store, operations on files, uploads that nobody went on with. */
export async function tick(deps: Deps): Promise<Response> {
  await markStore(deps)
  await advanceOperations({
    db: deps.db,
    owner: 'ota',
    steps: {
      [ACTIONS_BULK_KIND]: actionsBulkStep(deps),
      [CHECK_KIND]: (operation, save) => checkUpload(deps, operation, save),
      [RECHECK_KIND]: async (operation, save) => {
        await recheckRollout(deps, operation, save)
        await kick(deps.db, 'ota-notify')
      },
    },
    failed: ({ id, kind }, error) =>
      deps.log.error({ operation: id, kind, err: error }, 'a step failed'),
  })
  await sweepUploads(deps)
  return new Response(null, { status: 204 })
}
