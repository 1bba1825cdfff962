import { auditAll } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId as asDeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emitAll } from '../event/emit.ts'
import { publishCrls } from '../pki/publish-crl.ts'
import { parseSerial, serialText } from '../pki/serial.ts'
import type { Signer } from '../pki/signer.ts'
import { certificatesRevoked } from './metrics.ts'
import {
  certificateExists,
  lockRevoked,
  revokeChosen,
  type RevokedCertificate,
} from './revoke-queries.ts'

/** RFC 5280 §5.3.1, those that make sense for a device. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  key_compromise: 1,
  affiliation_changed: 3,
  superseded: 4,
  cessation_of_operation: 5,
  privilege_withdrawn: 9,
} as const

export type RevocationReason = keyof typeof REVOCATION_REASONS

/** One certificate by its serial, or all of a device. */
export interface RevokeRequest {
  readonly serial?: string | undefined
  readonly deviceId?: string | undefined
  readonly reason: RevocationReason
  readonly actor: string
  readonly tokenId: string | null
  readonly source: string
  readonly callId: string
}

export interface RevokeDeps {
  readonly db: Database
  readonly clock: Clock
  readonly signer: Signer
}

/**
 * Revokes, then publishes the CRL: the answer comes when both have happened. Repeated, it changes nothing and succeeds. Should the process end in between,
 * the next tick publishes. Answers with the serials that were revoked now.
 */
export async function revokeCertificates(
  deps: RevokeDeps,
  request: RevokeRequest,
): Promise<string[]> {
  const { serial: text, deviceId = null } = request
  const serial = text === undefined ? null : parseSerial(text)
  if (serial === undefined) throw new DomainError('certificate.not_found')
  const revoked = await transaction(deps.db, async (tx) => {
    if (serial && !(await tx.row(certificateExists, [serial]))) {
      throw new DomainError('certificate.not_found')
    }
    await tx.rows(lockRevoked, [deviceId, serial])
    const reason = REVOCATION_REASONS[request.reason]
    const rows = await tx.rows(revokeChosen, [deviceId, serial, deps.clock.now(), reason])
    await record(tx, request, rows)
    return rows
  })
  if (revoked.length > 0) {
    certificatesRevoked.inc({ reason: request.reason }, revoked.length)
    await publishCrls(deps, new Set(revoked.map(({ issuer_id }) => issuer_id)))
  }
  return revoked.map(({ serial: each }) => serialText(each))
}

async function record(
  tx: Db,
  { actor, tokenId, source, callId, reason }: RevokeRequest,
  rows: readonly RevokedCertificate[],
): Promise<void> {
  const told = rows.map(({ device_id, serial }) => ({
    target: device_id,
    detail: { serial: serialText(serial), reason },
  }))
  const who = { actor, tokenId, source, callId, verb: 'certificate.revoke' }
  await auditAll(
    tx,
    told.map(({ target, detail }) => Object.assign({ target, detail }, who)),
  )
  await emitAll(
    tx,
    told.flatMap(({ target, detail: payload }) => {
      const deviceId = asDeviceId(target)
      return deviceId ? [{ kind: 'certificate.revoked', deviceId, payload }] : []
    }),
  )
}
