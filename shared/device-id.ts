import * as z from 'zod'

/** A device's name: the CN of its certificate, which ends at 64 characters (RFC 5280, ub-common-name). */
export const DEVICE_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/

export const DeviceId = z.string().regex(DEVICE_ID).brand('DeviceId')
export type DeviceId = z.infer<typeof DeviceId>

/** Undefined when the text is no device id. */
export function deviceId(text: string): DeviceId | undefined {
  return isDeviceId(text) ? text : undefined
}

function isDeviceId(text: string): text is DeviceId {
  return DEVICE_ID.test(text)
}
