import type { DeviceId } from '../device-id.ts'

/** What the edge or the connector vouches for: everything here is covered by the hop proof. */
export interface Call {
  readonly callId: string
  /** Who signed: edge, connector or a function's name. */
  readonly caller: string
  /** Public path and query as sent, or /mqtt, /cron?tick=…, /internal/… */
  readonly target: string
  /** Address of the peer that the edge saw. */
  readonly source: string
  /** DER of the client certificate, whatever the verdict. */
  readonly certificate?: Buffer
  readonly verdict: 'none' | 'ok' | 'expired' | 'bad'
  readonly topic?: string
  /** tls-unique of the client's connection (RFC 5929), TLS 1.2 only. */
  readonly binding?: Buffer
}

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
