import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import { checkRevision, type Expected } from '../revision.ts'
import { forgetActions } from '../rollout/forget-actions.ts'
import { DELETION_WALK } from './deletion-queries.ts'
import { lockDevice } from './queries.ts'

/**
 * Removes everything that the database keeps of a device, in one transaction. Only a decommissioned one: its certificates are revoked then.
 * @throws {DomainError} device.not_found, device.illegal_transition, request.precondition_failed
 */
export async function removeDevice(
  tx: Db,
  acting: Acting,
  id: DeviceId,
  expected: Expected,
): Promise<void> {
  const device = await tx.row(lockDevice, [id])
  if (device === undefined) throw new DomainError('device.not_found', { device_id: id })
  checkRevision(expected, device.revision)
  if (device.status !== 'decommissioned') {
    const detail = 'decommission it first'
    throw new DomainError('device.illegal_transition', { device_status: device.status, detail })
  }
  await forgetActions(tx, id)
  for (const step of DELETION_WALK) await tx.rows(step, [id])
  await emit(tx, { kind: 'device.removed', deviceId: id })
  await audit(tx, { ...acting, verb: 'device.remove', target: id })
}
