import { verify } from 'node:crypto'
import { readTime, type Certificate } from './certificate-read.ts'
import {
  bits,
  children,
  content,
  DerError,
  element,
  expect,
  only,
  TAG,
  whole,
  type Element,
} from './der-read.ts'
import { readExtensions } from './extension.ts'
import { signing } from './issuer-signing.ts'
import { importKey } from './key.ts'
import { OID } from './oid.ts'

/** A CRL as its reader needs it; entries are walked on demand, since there may be 100,000. */
export interface Crl {
  readonly der: Buffer
  readonly issuer: Buffer
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly signed: Buffer
  readonly signature: Buffer
  readonly algorithm: Buffer
  readonly entries: Element | undefined
}

/** Reads a CRL of version 2 with number and next update. Throws DerError. */
export function readCrl(der: Buffer): Crl {
  const [tbs, algorithm, signature, more] = children(der, only(der, TAG.sequence))
  if (tbs?.tag !== TAG.sequence || !algorithm || !signature || more) throw new DerError('no CRL')
  const [version, , issuer, thisUpdate, nextUpdate, ...rest] = children(der, tbs)
  if (version?.tag !== TAG.integer || !issuer || !thisUpdate || !nextUpdate) {
    throw new DerError('no CRL of version 2')
  }
  const extensions = rest.pop()
  const [entries, extra] = rest
  if (extensions?.tag !== 0xa0 || extra || (entries && entries.tag !== TAG.sequence)) {
    throw new DerError('no CRL of version 2')
  }
  return {
    der,
    issuer: whole(der, issuer),
    number: crlNumber(der, extensions),
    thisUpdate: readTime(der, thisUpdate),
    nextUpdate: readTime(der, nextUpdate),
    signed: whole(der, tbs),
    signature: bits(der, signature),
    algorithm: whole(der, algorithm),
    entries,
  }
}

function crlNumber(der: Buffer, wrapped: Element): bigint {
  const list = readExtensions(der, element(der, wrapped.start, wrapped.end))
  const found = list.find(({ type }) => type.equals(OID.crlNumber))
  if (!found) throw new DerError('a CRL without number')
  const value = content(found.value, only(found.value, TAG.integer))
  return BigInt(`0x${value.toString('hex')}`)
}

/** True where this authority signed the CRL. */
export function isCrlOf(crl: Crl, issuer: Certificate): boolean {
  const { digest, algorithm } = signing(issuer.key.kind)
  return (
    crl.issuer.equals(issuer.subject) &&
    crl.algorithm.equals(algorithm) &&
    verify(digest, crl.signed, importKey(issuer.key), crl.signature)
  )
}

/** Serials of the CRL in hex, upper case. */
export function revokedSerials(crl: Crl): Set<string> {
  const found = new Set<string>()
  if (!crl.entries) return found
  for (let at = crl.entries.start; at < crl.entries.end;) {
    const entry = expect(crl.der, at, crl.entries.end, TAG.sequence)
    const serial = content(crl.der, expect(crl.der, entry.start, entry.end, TAG.integer))
    found.add((serial[0] === 0 ? serial.subarray(1) : serial).toString('hex').toUpperCase())
    at = entry.end
  }
  return found
}
