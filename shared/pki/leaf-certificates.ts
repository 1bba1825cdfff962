import { isIP } from 'node:net'
import type { Certificate } from './certificate-read.ts'
import { BACKDATE_MS, signCertificate } from './certificate-sign.ts'
import {
  endEntity,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyId,
  type AltName,
} from './extension.ts'
import type { Issuer } from './issuer.ts'
import { keyId, type PublicKey } from './key.ts'
import { commonName } from './name.ts'
import { OID } from './oid.ts'

const DAY_MS = 86_400_000
/** Apple's systems refuse server certificates of more than 825 days, browsers of public roots more than 398. */
const SERVER_DAYS = 397
const SERVICE_DAYS = 90
const MAX_COMMON_NAME = 64

export interface LeafRequest {
  readonly key: PublicKey
  readonly now: Date
  readonly days?: number
}

/** A server's certificate for its public names: host names and addresses. */
export function signServerCertificate(
  issuer: Issuer,
  { names, ...request }: LeafRequest & { names: readonly [string, ...string[]] },
): Certificate {
  const shown = names.find((name) => name.length <= MAX_COMMON_NAME) ?? 'muster'
  return signLeaf(issuer, { days: SERVER_DAYS, ...request }, shown, OID.serverAuth, [
    subjectAltName(names.map(serverName)),
  ])
}

/** A service account's certificate at the broker: its common name is what the broker's rights name. */
export function signServiceCertificate(
  issuer: Issuer,
  { name, ...request }: LeafRequest & { name: string },
): Certificate {
  return signLeaf(issuer, { days: SERVICE_DAYS, ...request }, name, OID.clientAuth, [])
}

/** A claim certificate: many devices of a production lot share it, and it opens enrolment only. */
export function signClaimCertificate(
  issuer: Issuer,
  { name, ...request }: LeafRequest & { name: string; days: number },
): Certificate {
  return signLeaf(issuer, request, name, OID.clientAuth, [])
}

function signLeaf(
  issuer: Issuer,
  { key, now, days = SERVICE_DAYS }: LeafRequest,
  name: string,
  purpose: Buffer,
  more: readonly Buffer[],
): Certificate {
  return signCertificate(issuer, {
    subject: commonName(name),
    key,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    extensions: [
      endEntity,
      // RFC 5280 §4.2.1.12: keyEncipherment goes with servers only.
      key.kind === 'rsa' && purpose === OID.serverAuth ? keyUsage(0, 2) : keyUsage(0),
      extendedKeyUsage(purpose),
      issuer.authorityKeyId,
      subjectKeyId(keyId(key.bits)),
      ...more,
    ],
  })
}

function serverName(name: string): AltName {
  switch (isIP(name)) {
    case 4:
      return { kind: 'ip', value: Buffer.from(name.split('.').map(Number)).toString('hex') }
    case 6:
      return { kind: 'ip', value: ipv6(name).toString('hex') }
    default:
      return { kind: 'dns', value: name }
  }
}

// URL writes the one canonical form, in which only one run of zeros may be missing.
function ipv6(address: string): Buffer {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [left = '', right] = canonical.split('::')
  const head = words(left)
  const tail = words(right ?? '')
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return Buffer.from(
    [...head, ...zeros, ...tail].map((word) => word.padStart(4, '0')).join(''),
    'hex',
  )
}

function words(text: string): string[] {
  return text.split(':').filter((word) => word !== '')
}
