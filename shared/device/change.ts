import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { findEndpoint } from '../endpoint/endpoint.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import type { JsonObject } from '../json.ts'
import { checkRevision, type Expected } from '../revision.ts'
import { changeAttributes } from './attributes.ts'
import { setGroups } from './membership.ts'
import { lockDevice, updateDevice } from './queries.ts'

export interface DeviceChange {
  /** '' takes it away. */
  readonly hardwareRev?: string | undefined
  readonly brokerEndpoint?: string | undefined
  /** All groups the device is to be in. */
  readonly groups?: readonly string[] | undefined
  readonly attributes?: JsonObject | undefined
}

/**
 * Changes what the operator says of a device.
 * @throws {DomainError} device.not_found, group.not_found, endpoint.not_found, request.precondition_failed
 */
export async function changeDevice(
  tx: Db,
  acting: Acting,
  id: DeviceId,
  change: DeviceChange,
  expected: Expected,
): Promise<void> {
  const device = await tx.row(lockDevice, [id])
  if (device === undefined) throw new DomainError('device.not_found', { device_id: id })
  checkRevision(expected, device.revision)
  const { hardwareRev = null, brokerEndpoint = null, groups, attributes } = change
  if (brokerEndpoint) await findEndpoint(tx, brokerEndpoint)
  if (groups !== undefined) await setGroups(tx, id, groups)
  if (attributes !== undefined) await changeAttributes(tx, [id], 'operator', attributes)
  await tx.rows(updateDevice, [id, hardwareRev, brokerEndpoint])
  const fields = Object.entries(change).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  await emit(tx, { kind: 'device.changed', deviceId: id, payload: { fields } })
  await audit(tx, { ...acting, verb: 'device.change', target: id, detail: { fields } })
}
