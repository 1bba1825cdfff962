import * as z from 'zod'
import { Time } from '../../shared/http/openapi.ts'

export const EnrollmentState = z.enum(['pending', 'approved', 'signing', 'issued', 'rejected'])
export const EnrollmentSchema = z
  .object({
    id: z.string(),
    device_id: z.string(),
    credential: z.string().nullable(),
    protocol: z.string(),
    state: EnrollmentState,
    reason: z
      .string()
      .nullable()
      .meta({ description: 'The true one, which the device is not told' }),
    serial: z.string().nullable(),
    created_at: Time,
    expires_at: Time,
  })
  .meta({ id: 'Enrollment' })
export const CertificateSchema = z
  .object({
    serial: z.string(),
    device_id: z.string(),
    profile: z.string(),
    state: z.enum(['active', 'superseded', 'revoked', 'expired']),
    not_before: Time,
    expires_at: Time,
    renew_at: Time,
    credential: z.string().nullable(),
    sha256: z.string(),
  })
  .meta({ id: 'Certificate' })
export const OneCertificate = CertificateSchema.extend({ pem: z.string() })
export const EnrollmentParam = z.object({ id: z.string().max(130) })
export const SerialParam = z.object({
  serial: z.string().regex(/^[0-9A-Fa-f]{2,40}$/, 'not a serial'),
})
export const RevocationReason = z
  .enum([
    'unspecified',
    'key_compromise',
    'affiliation_changed',
    'superseded',
    'cessation_of_operation',
    'privilege_withdrawn',
  ])
  .default('unspecified')
export const Reason = z.strictObject({ reason: RevocationReason })
