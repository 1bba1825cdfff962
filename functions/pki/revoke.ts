import * as z from 'zod'
import { DeviceId } from '../../shared/device-id.ts'
import {
  REVOCATION_REASONS,
  revokeCertificates,
  type RevocationReason,
} from '../../shared/enrollment/revoke.ts'
import type { Deps } from './deps.ts'

const isReason = (text: string): text is RevocationReason => Object.hasOwn(REVOCATION_REASONS, text)

const RevokeWire = z
  .strictObject({
    serial: z.string().max(40).optional(),
    device_id: DeviceId.optional(),
    reason: z
      .custom<RevocationReason>((value) => typeof value === 'string' && isReason(value))
      .default('unspecified'),
    actor: z.string().max(256),
    token_id: z.string().max(64).nullable().default(null),
    source: z.string().max(64),
    call_id: z.string().max(128),
  })
  .refine(({ serial, device_id }) => serial !== undefined || device_id !== undefined)

/** Revokes one certificate or all of a device, and publishes the CRL. */
export async function revoke(deps: Deps, request: Request): Promise<Response> {
  const wire = RevokeWire.parse(await request.json())
  const revoked = await revokeCertificates(deps, {
    serial: wire.serial,
    deviceId: wire.device_id,
    reason: wire.reason,
    actor: wire.actor,
    tokenId: wire.token_id,
    source: wire.source,
    callId: wire.call_id,
  })
  return Response.json({ revoked })
}
