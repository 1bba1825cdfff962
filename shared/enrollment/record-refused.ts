import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DEFAULT_PROFILE } from '../pki/profile.ts'
import { recordRefusal } from './admit-queries.ts'
import { countRefused } from './credential-queries.ts'
import type { Refusal } from './refusal.ts'
import { requestId, type EnrollRequest } from './request.ts'

const KEPT_MS = 7 * 86_400_000

/** Keeps the true reason for the operator: in the list of enrolments for a week, and in the audit log. */
export async function recordRefused(
  { db, clock }: { db: Database; clock: Clock },
  { deviceId, csr, origin }: EnrollRequest,
  { reason, credentialId }: Refusal,
): Promise<void> {
  const now = clock.now()
  await db.rows(recordRefusal, [
    deviceId,
    requestId(csr.key.spki, DEFAULT_PROFILE),
    credentialId ?? null,
    origin.protocol,
    reason,
    now,
    new Date(now.getTime() + KEPT_MS),
  ])
  if (credentialId !== undefined) await db.rows(countRefused, [credentialId])
  await audit(db, {
    actor: 'stranger',
    source: origin.source,
    callId: origin.callId,
    verb: 'enrollment.reject',
    target: deviceId,
    code: 'enrollment.rejected',
    detail: { reason, protocol: origin.protocol, credential: credentialId ?? null },
  })
}
