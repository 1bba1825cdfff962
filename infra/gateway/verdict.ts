import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import type { CertificateVerdict } from '../../shared/hop/canonical.ts'

/** An authority whose certificates clients may show. */
export interface Anchor {
  readonly certificate: X509Certificate
  readonly key: KeyObject
  readonly from: number
  readonly to: number
}

/** What is known of client certificates at one moment. */
export interface Anchors {
  readonly authorities: readonly Anchor[]
  /** Hex SHA-256 of certificates that are trusted themselves: claim certificates without an authority of ours. */
  readonly pinned: ReadonlySet<string>
  isRevoked(authority: X509Certificate, serialNumber: string): boolean
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

export function toAnchor(certificate: X509Certificate): Anchor {
  const { publicKey, validFrom, validTo } = certificate
  return { certificate, key: publicKey, from: Date.parse(validFrom), to: Date.parse(validTo) }
}

/**
 * Judges a client certificate, once per connection; functions look it up per request.
 * OpenSSL's own result is of no use: with `rejectUnauthorized: false` it keeps the last error only, so that a self-signed,
 * foreign or forged certificate that is also out of date reads CERT_HAS_EXPIRED. Hence this order: issuer and
 * signature, usage, revocation, time.
 */
export function judge(
  anchors: Anchors,
  certificate: X509Certificate | undefined,
  now: Date,
): CertificateVerdict {
  if (!certificate) return 'none'
  const time = now.getTime()
  if (certificate.ca || !mayAuthenticate(certificate)) return 'bad'
  const authority = anchors.authorities.find(
    ({ certificate: issuer, key }) => certificate.checkIssued(issuer) && certificate.verify(key),
  )
  if (authority) {
    if (time < authority.from || time > authority.to) return 'bad'
    if (anchors.isRevoked(authority.certificate, certificate.serialNumber)) return 'bad'
  } else if (!anchors.pinned.has(sha256(certificate.raw))) return 'bad'
  if (time < Date.parse(certificate.validFrom)) return 'bad'
  return time > Date.parse(certificate.validTo) ? 'expired' : 'ok'
}

/** `keyUsage` is Node's name for the extended key usages; without that extension any use is meant. */
function mayAuthenticate({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.includes(CLIENT_AUTH)
}

function sha256(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}
