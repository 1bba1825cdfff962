import type { Proof } from '../../shared/enrollment/request.ts'
import type { Identity } from '../../shared/http/call.ts'

/** What an EST client shows, and the name it gives itself with it. */
export interface Shown {
  readonly proof: Proof
  readonly user: string | undefined
}

/** A token by Basic (its user is the device or nobody) or Bearer, else a claim certificate. */
export function readCredential(
  authorization: string | null,
  identity: Identity,
): Shown | undefined {
  const [, scheme = '', value = ''] = /^(basic|bearer) +(\S+)$/i.exec(authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer')
    return { proof: { kind: 'token', text: value }, user: undefined }
  if (scheme !== '') return basic(value)
  if (identity.kind !== 'claim') return undefined
  const { credentialId, certificate } = identity
  return { proof: { kind: 'claim', credentialId, certificate }, user: undefined }
}

function basic(value: string): Shown | undefined {
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { proof: { kind: 'token', text: text.slice(colon + 1) }, user: text.slice(0, colon) }
}
