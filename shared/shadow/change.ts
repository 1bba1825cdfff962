import type { DeviceId } from '../device-id.ts'
import type { DomainError } from '../errors.ts'
import type { Command } from './apply.ts'

/** One request to a shadow, whatever it came by. */
export interface Change {
  readonly deviceId: DeviceId
  readonly shadow: string
  readonly command: Command | { readonly kind: 'get' }
  readonly clientToken?: string | undefined
  /** `device`, or how the audit log names who asks. */
  readonly actor: string
  /** What history keeps: the request's bytes, with a word before them where it is no update. */
  readonly text: string
  /** Identity of the MQTT packet; null over HTTP. */
  readonly packet: number | null
  readonly dup: boolean
  readonly delivery: bigint | null
  /** The slot that carries its messages; null: none. */
  readonly slot: number | null
  /** Versions of If-Match; undefined: any. */
  readonly expected?: readonly bigint[] | undefined
  readonly key?: { readonly key: string; readonly sha256: string } | undefined
  /** An operator's write, for the audit log. */
  readonly audit?: AuditedBy | undefined
}

export interface AuditedBy {
  readonly tokenId: string | null
  readonly source: string
  readonly callId: string
}

/** What is to be told after a change, in this order, each already text. */
export interface Notices {
  readonly delta?: string | undefined
  readonly documents?: string | undefined
  /** Answer of update or delete. */
  readonly accepted?: string | undefined
  /** The whole desired document of a lightweight shadow; '' clears it. */
  readonly desired?: string | undefined
}

export type Changed =
  | { readonly kind: 'applied'; readonly version: number; readonly notices: Notices }
  /** A get, or a request that was applied before and is only answered again. */
  | { readonly kind: 'answered'; readonly version: number; readonly accepted: string }
  /** It had its effect before; its messages are in the outbox or were published. */
  | { readonly kind: 'duplicate' }
  /** A whole document that is stored already. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly error: DomainError }
  /** Others were faster, or time ran out: nothing was written. */
  | { readonly kind: 'conflict' }

/** The session that delivered a batch; its connection goes into the outbox. */
export interface DeliveredBy {
  readonly slot: number
  readonly epoch: string
}

const DELETE = 'delete '
const REPORT = 'report '

/** What history keeps of a request: an update as it was sent. */
export function historyText(kind: 'update' | 'delete' | 'report' | 'get', request: string): string {
  if (kind === 'delete') return DELETE + request
  return kind === 'report' ? REPORT + request : request
}

/** Takes apart what history keeps. */
export function readHistoryText(text: string): {
  kind: 'update' | 'delete' | 'report'
  request: string
} {
  if (text.startsWith(DELETE)) return { kind: 'delete', request: text.slice(DELETE.length) }
  if (text.startsWith(REPORT)) return { kind: 'report', request: text.slice(REPORT.length) }
  return { kind: 'update', request: text }
}
