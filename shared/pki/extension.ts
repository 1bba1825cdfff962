import {
  checkTree,
  children,
  content,
  DerError,
  expect,
  only,
  TAG,
  whole,
  type Element,
} from './der-read.ts'
import { octetString, sequence, tlv, TRUE } from './der-write.ts'
import { OID } from './oid.ts'

/** One extension: type as DER, and the DER within its OCTET STRING. */
export interface Extension {
  readonly type: Buffer
  readonly critical: boolean
  readonly value: Buffer
}

/** A GeneralName: its context tag, and the text of those that have one. */
export interface AltName {
  readonly kind: 'dns' | 'uri' | 'email' | 'ip' | 'other'
  readonly value: string
}

export function writeExtension(type: Buffer, value: Buffer, critical = false): Buffer {
  return critical ? sequence(type, TRUE, octetString(value)) : sequence(type, octetString(value))
}

/** Extensions of a SEQUENCE; one that comes twice is refused (RFC 5280 §4.2). */
export function readExtensions(der: Buffer, list: Element): Extension[] {
  if (list.tag !== TAG.sequence) throw new DerError('extensions are no sequence')
  const found = children(der, list).map((extension) => readExtension(der, extension))
  const types = new Set(found.map(({ type }) => type.toString('hex')))
  if (types.size !== found.length) throw new DerError('an extension comes twice')
  return found
}

function readExtension(der: Buffer, extension: Element): Extension {
  if (extension.tag !== TAG.sequence) throw new DerError('an extension is malformed')
  const type = expect(der, extension.start, extension.end, TAG.oid)
  const [first, second, more] = children(der, { ...extension, start: type.end })
  const critical = first?.tag === TAG.boolean
  const value = critical ? second : first
  if (value?.tag !== TAG.octetString || more || (!critical && second)) {
    throw new DerError('an extension is malformed')
  }
  // DER leaves the default out: FALSE is never written.
  if (critical && der[first.start] !== 0xff) throw new DerError('an extension is malformed')
  return { type: whole(der, type), critical, value: nested(content(der, value)) }
}

function nested(value: Buffer): Buffer {
  const first = value[0]
  if (first === undefined) throw new DerError('an extension is empty')
  checkTree(value, only(value, first))
  return value
}

const KINDS: Readonly<Record<number, AltName['kind']>> = {
  0x81: 'email',
  0x82: 'dns',
  0x86: 'uri',
  0x87: 'ip',
}

/** GeneralNames (RFC 5280 §4.2.1.6). */
export function readAltNames(value: Buffer): AltName[] {
  return children(value, only(value, TAG.sequence)).map((name) => {
    const kind = KINDS[name.tag] ?? 'other'
    const bytes = content(value, name)
    return {
      kind,
      value: kind === 'ip' || kind === 'other' ? bytes.toString('hex') : bytes.toString('latin1'),
    }
  })
}

const TAGS = { dns: 0x82, uri: 0x86, email: 0x81, ip: 0x87 } as const

/** A GeneralName of text, or of an address in hex. */
export function generalName(name: AltName): Buffer {
  if (name.kind === 'other') throw new DerError('no name of this kind is issued')
  const bytes = Buffer.from(name.value, name.kind === 'ip' ? 'hex' : 'latin1')
  return tlv(TAGS[name.kind], bytes)
}

/** keyUsage of bits as RFC 5280 counts them: 0 digitalSignature, 2 keyEncipherment, 5 keyCertSign, 6 cRLSign. */
export function keyUsage(...set: readonly number[]): Buffer {
  const value = set.reduce((sum, bit) => sum | (0x80 >> bit), 0)
  const unused = 7 - Math.max(...set)
  return writeExtension(OID.keyUsage, tlv(TAG.bitString, Buffer.from([unused, value])), true)
}

export const endEntity = writeExtension(OID.basicConstraints, sequence(), true)

/** basicConstraints of an authority; `pathLength` 0 lets it sign leaves only. */
export function authorityConstraints(pathLength?: number): Buffer {
  const limit = pathLength === undefined ? [] : [tlv(TAG.integer, Buffer.from([pathLength]))]
  return writeExtension(OID.basicConstraints, sequence(TRUE, ...limit), true)
}

export function extendedKeyUsage(...purposes: readonly Buffer[]): Buffer {
  return writeExtension(OID.extendedKeyUsage, sequence(...purposes))
}

export function authorityKeyId(id: Buffer): Buffer {
  return writeExtension(OID.authorityKeyId, sequence(tlv(0x80, id)))
}

export function subjectKeyId(id: Buffer): Buffer {
  return writeExtension(OID.subjectKeyId, octetString(id))
}

export function subjectAltName(names: readonly AltName[]): Buffer {
  return writeExtension(OID.subjectAltName, sequence(...names.map(generalName)))
}

/** Where the CRL is: plain http, since fetching it over TLS would ask for it again. */
export function crlDistributionPoint(url: string): Buffer {
  const point = tlv(0xa0, tlv(0xa0, generalName({ kind: 'uri', value: url })))
  return writeExtension(OID.crlDistributionPoints, sequence(sequence(point)))
}

export function issuerLocation(url: string): Buffer {
  const access = sequence(OID.caIssuers, generalName({ kind: 'uri', value: url }))
  return writeExtension(OID.authorityInfoAccess, sequence(access))
}
