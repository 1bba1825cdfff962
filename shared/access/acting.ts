import type { Identity } from '../identity.ts'
import { actorOf } from './access.ts'

/** Who does something, for the audit log and for what remembers its author. */
export interface Acting {
  readonly actor: string
  readonly tokenId: string | null
  readonly source: string
  readonly callId: string
}

/** The acting one of a call. */
export function acting(
  call: { readonly source: string; readonly callId: string },
  identity: Identity,
): Acting {
  const tokenId = identity.kind === 'operator' ? identity.tokenId : null
  const { source, callId } = call
  return { actor: actorOf(identity) ?? 'nobody', tokenId, source, callId }
}
