import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { findEndpoint } from '../endpoint/endpoint.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import type { JsonObject } from '../json.ts'
import { changeAttributes } from './attributes.ts'
import { setGroups } from './membership.ts'
import { insertDevice } from './queries.ts'

export interface Registration {
  readonly deviceId: DeviceId
  readonly hardwareRev?: string | undefined
  readonly brokerEndpoint?: string | undefined
  readonly groups?: readonly string[] | undefined
  readonly attributes?: JsonObject | undefined
}

/**
 * Makes a device known before it has come. Whether it may enrol is for the allowlist to say.
 * @throws {DomainError} device.exists, group.not_found, endpoint.not_found
 */
export async function registerDevice(tx: Db, acting: Acting, device: Registration): Promise<void> {
  const { deviceId, hardwareRev = '', brokerEndpoint = null, groups = [], attributes } = device
  if (brokerEndpoint !== null) await findEndpoint(tx, brokerEndpoint)
  const made = await tx.row(insertDevice, [deviceId, hardwareRev, brokerEndpoint])
  if (made === undefined) throw new DomainError('device.exists', { device_id: deviceId })
  if (groups.length > 0) await setGroups(tx, deviceId, groups)
  if (attributes !== undefined) await changeAttributes(tx, [deviceId], 'operator', attributes)
  await emit(tx, { kind: 'device.registered', deviceId })
  await audit(tx, { ...acting, verb: 'device.register', target: deviceId })
}
