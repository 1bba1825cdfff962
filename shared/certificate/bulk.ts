import type { Acting } from '../access/acting.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { failure, selectionStep, succeeded } from '../device/selection-operation.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import type { Step } from '../operation/advance.ts'
import type { SliceResult } from '../operation/operation.ts'
import { askRenewal } from './ask-renewal.ts'

export const CERTIFICATES_KIND = 'certificates.bulk'
const SLICE = 200
/** Each revocation publishes a CRL. */
const REVOKING_SLICE = 20

export interface CertificateBulkDeps {
  readonly db: Database
  readonly clock: Clock
  readonly renewUrl: string
  readonly revoke: (acting: Acting, id: DeviceId, reason: string) => Promise<void>
  readonly notifyOutbox: (slots: readonly number[]) => void
}

/** Revokes all certificates of the selected devices, or asks the devices to renew. */
export function certificateBulkStep(deps: CertificateBulkDeps): Step {
  const slots = new Set<number>()
  return selectionStep({
    db: deps.db,
    sliceSize: ({ action }) => (action === 'revoke' ? REVOKING_SLICE : SLICE),
    before: async ({ acting, ids, change }) =>
      change['action'] === 'revoke' ? revokeAll(deps, acting, ids, change['reason']) : [],
    apply: async (tx, { acting, ids, change }) => {
      if (change['action'] !== 'renew' || ids.length === 0) return []
      const ask = { renewUrl: deps.renewUrl, now: deps.clock.now() }
      const { asked, unreachable, slots: hinted } = await askRenewal(tx, acting, ids, ask)
      for (const slot of hinted) slots.add(slot)
      return [
        ...asked.map(succeeded),
        ...unreachable.map((id) => failure(id, 'certificate.not_found')),
      ]
    },
    after: async () => {
      deps.notifyOutbox([...slots])
      slots.clear()
    },
  })
}

async function revokeAll(
  deps: CertificateBulkDeps,
  acting: Acting,
  ids: readonly string[],
  reason: unknown,
): Promise<SliceResult[]> {
  const results: SliceResult[] = []
  const why = typeof reason === 'string' ? reason : 'unspecified'
  for (const id of ids.flatMap((each) => deviceId(each) ?? [])) {
    try {
      await deps.revoke(acting, id, why)
      results.push(succeeded(id))
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'ca.unavailable') throw error
      results.push(failure(id, error.code))
    }
  }
  return results
}
