export type { Identity } from '../identity.ts'

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
