import * as z from 'zod'
import { DeviceId } from '../../shared/device-id.ts'

/** Every answer of a problem: RFC 9457. */
export const Problem = z
  .looseObject({ type: z.string(), code: z.string(), status: z.int(), call_id: z.string() })
  .describe('RFC 9457 problem')

export const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
})

const Pem = z.string().min(64).max(24_000).describe('PKCS#10 request, PEM')

export const EnrollWire = z
  .strictObject({
    device_id: DeviceId,
    csr: Pem,
    hardware_rev: z.string().min(1).max(64).optional(),
    firmware_ver: z.string().min(1).max(64).optional(),
    token: z.string().min(32).max(127).optional(),
    shared_key: z
      .strictObject({
        credential_id: z.string().min(1).max(64),
        time: z.int().min(0).max(99_999_999_999).describe('Unix seconds, ± 300 s'),
        nonce: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
        mac: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
      })
      .optional(),
  })
  .refine(({ token, shared_key }) => token === undefined || shared_key === undefined, {
    message: 'token or shared_key, not both',
    path: ['shared_key'],
  })

export const RenewWire = z.strictObject({ csr: Pem })

export const EnrollAnswerWire = z.object({
  certificate: z.string(),
  chain: z.string(),
  endpoints: z.array(
    z.object({
      host: z.string(),
      address: z.string(),
      port: z.int(),
      tls_name: z.string(),
      mqtt_url: z.string(),
    }),
  ),
  config: z.record(z.string(), z.unknown()),
  config_version: z.int(),
})

export const PendingWire = z.object({ state: z.literal('pending') })
