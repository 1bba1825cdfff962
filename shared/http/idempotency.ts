import { createHash } from 'node:crypto'
import { DomainError } from '../errors.ts'
import type { Call, Identity } from './call.ts'

/** A request that its client may send again: whose it is, its key, and what it asks. */
export interface KeyedRequest {
  readonly owner: string
  readonly key: string
  readonly sha256: Buffer
}

interface KeyedContext {
  readonly req: {
    readonly method: string
    header(name: string): string | undefined
    arrayBuffer(): Promise<ArrayBuffer>
  }
  readonly var: { readonly call: Call; readonly identity: Identity }
}

const KEY = /^[\x21\x23-\x7e]{1,128}$/

/**
 * Reads the Idempotency-Key of a POST (draft-ietf-httpapi-idempotency-key-header-07, quoted or bare).
 * Owner is the device where the verb concerns one, else the token.
 */
export async function keyedRequest(
  c: KeyedContext,
  deviceId?: string,
): Promise<KeyedRequest | undefined> {
  const header = c.req.header('idempotency-key')
  if (header === undefined) return undefined
  const text = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (!KEY.test(text)) {
    throw new DomainError('request.invalid', {
      errors: [{ header: 'Idempotency-Key', detail: '1 to 128 printable characters' }],
    })
  }
  const { call, identity } = c.var
  const who = identity.kind === 'operator' ? (identity.tokenId ?? identity.actor) : call.source
  const sha256 = createHash('sha256')
    .update(`${c.req.method}\n${call.target}\n`)
    .update(new Uint8Array(await c.req.arrayBuffer()))
    .digest()
  return { owner: deviceId ?? who, key: `${who} ${text}`, sha256 }
}
