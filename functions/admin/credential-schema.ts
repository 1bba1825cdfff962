import * as z from 'zod'
import { Time } from '../../shared/http/openapi.ts'
import { EXPIRY } from './expiry.ts'
import { Name } from './tokens.ts'

const Revisions = z.array(z.string().min(1).max(64)).min(1).max(50)
const Networks = z
  .array(z.union([z.cidrv4(), z.cidrv6()]))
  .min(1)
  .max(50)

export const CredentialSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['token', 'claim', 'shared_key']),
    state: z.enum(['active', 'disabled', 'early', 'expired', 'used']),
    hardware_revs: z.array(z.string()).nullable(),
    networks: z.array(z.string()).nullable(),
    uses: z.number().int(),
    max_uses: z.number().int(),
    failed: z.number().int(),
    last_used: Time.nullable(),
    starts_at: Time.nullable(),
    expires_at: Time,
    created_at: Time,
  })
  .meta({ id: 'Credential' })

export const CreatedCredential = CredentialSchema.extend({
  secret: z.string().meta({
    description: 'Told once: the token; the shared key in hex; the private key of the claim in PEM',
  }),
  certificate: z.string().optional(),
  chain: z.string().optional(),
})

const common = {
  hardware_revs: Revisions.optional(),
  networks: Networks.optional(),
  starts_at: z.iso.datetime({ offset: true }).optional(),
  max_uses: z.number().int().min(1).max(1_000_000_000).optional(),
  ...EXPIRY,
}

export const NewCredential = z.discriminatedUnion('kind', [
  // A token's name is in its text.
  z.strictObject({ kind: z.literal('token'), ...common }),
  z.strictObject({ kind: z.literal('claim'), name: Name.optional(), ...common }),
  z.strictObject({ kind: z.literal('shared_key'), name: Name.optional(), ...common }),
])

export const CredentialChange = z.strictObject({
  enabled: z.boolean().optional(),
  expires_at: EXPIRY.expires_at,
  hardware_revs: Revisions.nullable().optional(),
  networks: Networks.nullable().optional(),
})

export const CredentialParam = z.object({ id: z.string().min(1).max(64) })

const DAY_SECONDS = 86_400

/** What holds where nothing is said: a token is for one device and one day, the others for a production run. */
export const CREDENTIAL_DEFAULTS = {
  token: { seconds: DAY_SECONDS, uses: 1 },
  claim: { seconds: 365 * DAY_SECONDS, uses: 1000 },
  shared_key: { seconds: 365 * DAY_SECONDS, uses: 1000 },
} as const
