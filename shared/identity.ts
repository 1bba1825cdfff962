import type { DeviceId } from './device-id.ts'

/** Who asks, as the database knows it. A verdict only narrows: a certificate is what its registry row says. */
export type Identity =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'operator'
      /** `token ops-1` or `issuer#subject`. */
      readonly actor: string
      readonly tokenId: string | null
      readonly scope: readonly string[]
    }
  | {
      readonly kind: 'device'
      readonly deviceId: DeviceId
      /** Hex, upper case, of the certificate shown. */
      readonly serial: string
      readonly status: 'active' | 'suspended' | 'decommissioned'
    }
  | { readonly kind: 'revoked'; readonly deviceId: DeviceId }
  | { readonly kind: 'claim'; readonly credentialId: string; readonly certificate: Buffer }
