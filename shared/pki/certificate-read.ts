import { verify } from 'node:crypto'
import {
  bits,
  checkTree,
  children,
  content,
  DerError,
  equals,
  expect,
  only,
  TAG,
  whole,
  type Element,
} from './der-read.ts'
import { readExtensions, type Extension } from './extension.ts'
import { signing } from './issuer-signing.ts'
import { importKey, keyId, readKey, type PublicKey } from './key.ts'
import { readName, soleCommonName, type NameAttribute } from './name.ts'
import { OID } from './oid.ts'

/** A certificate of ours, read back. Foreign ones are read by `node:crypto`: this reader knows our algorithms only. */
export interface Certificate {
  readonly der: Buffer
  /** Content of the serial's INTEGER, without sign byte. */
  readonly serial: Buffer
  /** Names as DER, which is how issuers are matched, and read. */
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly subjectName: readonly NameAttribute[][]
  readonly commonName: string | undefined
  readonly notBefore: Date
  readonly notAfter: Date
  readonly key: PublicKey
  readonly extensions: readonly Extension[]
  readonly subjectKeyId: Buffer
  readonly isAuthority: boolean
  readonly signed: Buffer
  readonly signature: Buffer
  readonly algorithm: Buffer
}

const V3 = Buffer.from([0xa0, 3, TAG.integer, 1, 2])
const EXTENSIONS = 0xa3

/** Reads a certificate strictly. Throws DerError. */
export function readCertificate(der: Buffer): Certificate {
  const parts = readParts(der)
  const key = readKey(der, parts.spki)
  const name = readName(der, parts.subject)
  const list = parts.extensions ? readExtensionList(der, parts.extensions) : []
  return {
    der,
    serial: unsignedSerial(content(der, parts.serial)),
    issuer: whole(der, parts.issuer),
    subject: whole(der, parts.subject),
    subjectName: name,
    commonName: soleCommonName(name),
    ...readValidity(der, parts.validity),
    key,
    extensions: list,
    subjectKeyId: subjectKeyIdOf(list, key),
    isAuthority: isAuthority(list),
    signed: whole(der, parts.tbs),
    signature: bits(der, parts.signature),
    algorithm: whole(der, parts.algorithm),
  }
}

interface Parts {
  readonly tbs: Element
  readonly algorithm: Element
  readonly signature: Element
  readonly serial: Element
  readonly issuer: Element
  readonly validity: Element
  readonly subject: Element
  readonly spki: Element
  readonly extensions: Element | undefined
}

function readParts(der: Buffer): Parts {
  const root = only(der, TAG.sequence)
  checkTree(der, root)
  const [tbs, algorithm, signature, more] = children(der, root)
  if (tbs?.tag !== TAG.sequence || !algorithm || !signature || more) throw notOne()
  const [version, serial, inner, issuer, ...rest] = children(der, tbs)
  const [validity, subject, spki, extensions, extra] = rest
  if (!version || serial?.tag !== TAG.integer || !inner || !issuer) throw notOne()
  if (!validity || !subject || !spki || extra) throw notOne()
  if (!equals(der, version, V3) || !equals(der, inner, whole(der, algorithm))) throw notOne()
  return { tbs, algorithm, signature, serial, issuer, validity, subject, spki, extensions }
}

function notOne(): DerError {
  return new DerError('no certificate of version 3')
}

function unsignedSerial(serial: Buffer): Buffer {
  const [first = 0x80] = serial
  if (first >= 0x80 || serial.length > 20) throw new DerError('a serial is negative or too long')
  return first === 0 && serial.length > 1 ? serial.subarray(1) : serial
}

function readExtensionList(der: Buffer, wrapped: Element): Extension[] {
  if (wrapped.tag !== EXTENSIONS) throw new DerError('no certificate of version 3')
  const list = expect(der, wrapped.start, wrapped.end, TAG.sequence)
  if (list.end !== wrapped.end) throw new DerError('bytes follow the extensions')
  return readExtensions(der, list)
}

function readValidity(der: Buffer, validity: Element): { notBefore: Date; notAfter: Date } {
  const [notBefore, notAfter, more] = children(der, validity)
  if (!notBefore || !notAfter || more) throw new DerError('no validity')
  return { notBefore: readTime(der, notBefore), notAfter: readTime(der, notAfter) }
}

/** UTCTime and GeneralizedTime as RFC 5280 writes them. */
export function readTime(der: Buffer, of: Element): Date {
  const text = content(der, of).toString('latin1')
  const short = of.tag === TAG.utcTime
  if (!short && of.tag !== TAG.generalizedTime) throw new DerError('no time')
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19'
  const full = short ? century + text : text
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) throw new DerError('no time')
  return at
}

function subjectKeyIdOf(list: readonly Extension[], key: PublicKey): Buffer {
  const found = list.find(({ type }) => type.equals(OID.subjectKeyId))
  return found ? content(found.value, only(found.value, TAG.octetString)) : keyId(key.bits)
}

function isAuthority(list: readonly Extension[]): boolean {
  const found = list.find(({ type }) => type.equals(OID.basicConstraints))
  if (!found) return false
  const [ca] = children(found.value, only(found.value, TAG.sequence))
  return ca?.tag === TAG.boolean
}

/** True where the issuer's name and key signed this certificate. Says nothing of time and revocation. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const { digest, algorithm } = signing(issuer.key.kind)
  return (
    issuer.isAuthority &&
    certificate.issuer.equals(issuer.subject) &&
    certificate.algorithm.equals(algorithm) &&
    verify(digest, certificate.signed, importKey(issuer.key), certificate.signature)
  )
}
