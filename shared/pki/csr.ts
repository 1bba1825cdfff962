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
import { NULL, sequence } from './der-write.ts'
import { readExtensions, readAltNames, type AltName } from './extension.ts'
import { importKey, readKey, type PublicKey } from './key.ts'
import { readName, soleCommonName, type NameAttribute } from './name.ts'
import { OID } from './oid.ts'

export const MAX_CSR_BYTES = 16_384

/** A PKCS#10 request (RFC 2986) that is well formed. Nothing of it but the key ever gets into a certificate. */
export interface Csr {
  readonly der: Buffer
  readonly key: PublicKey
  readonly subject: readonly NameAttribute[][]
  readonly commonName: string | undefined
  readonly altNames: readonly AltName[]
  /** Asked for a CA certificate. */
  readonly wantsAuthority: boolean
  /** RFC 7030 §3.5: tls-unique in base64, or a SCEP habit's token. */
  readonly challenge: string | undefined
  readonly signed: Buffer
  readonly signature: Buffer
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
}

const VERSION = Buffer.from([TAG.integer, 1, 0])
const ATTRIBUTES = 0xa0

/** Reads a request by its bytes; nothing is computed with the key yet. Throws DerError. */
export function readCsr(der: Buffer): Csr {
  if (der.length > MAX_CSR_BYTES) throw new DerError(`more than ${MAX_CSR_BYTES} bytes`)
  const request = only(der, TAG.sequence)
  checkTree(der, request)
  const [info, algorithm, signature, extra] = children(der, request)
  if (info?.tag !== TAG.sequence || !algorithm || !signature || extra) {
    throw new DerError('no certification request')
  }
  const [version, subject, spki, attributes, more] = children(der, info)
  if (!version || !subject || !spki || more || (attributes && attributes.tag !== ATTRIBUTES)) {
    throw new DerError('no certification request')
  }
  if (!equals(der, version, VERSION)) throw new DerError('the version is not 0')
  const key = readKey(der, spki)
  const name = readName(der, subject)
  return {
    der,
    key,
    subject: name,
    commonName: soleCommonName(name),
    ...readAttributes(der, attributes),
    signed: whole(der, info),
    signature: bits(der, signature),
    digest: digestOf(der, algorithm, key),
  }
}

const ECDSA = [
  { digest: 'sha256', bytes: sequence(OID.ecdsaSha256) },
  { digest: 'sha384', bytes: sequence(OID.ecdsaSha384) },
  { digest: 'sha512', bytes: sequence(OID.ecdsaSha512) },
] as const
const ALGORITHMS = {
  p256: ECDSA,
  p384: ECDSA,
  ed25519: [{ digest: null, bytes: sequence(OID.ed25519) }],
  rsa: [
    { digest: 'sha256', bytes: sequence(OID.rsaSha256, NULL) },
    { digest: 'sha384', bytes: sequence(OID.rsaSha384, NULL) },
    { digest: 'sha512', bytes: sequence(OID.rsaSha512, NULL) },
  ],
} as const

function digestOf(der: Buffer, algorithm: Element, key: PublicKey): Csr['digest'] {
  const found = ALGORITHMS[key.kind].find(({ bytes }) => equals(der, algorithm, bytes))
  if (!found) throw new DerError('the signature algorithm does not fit the key, or is too old')
  return found.digest
}

type Wishes = Pick<Csr, 'altNames' | 'wantsAuthority' | 'challenge'>

function readAttributes(der: Buffer, attributes: Element | undefined): Wishes {
  let extensions: Element | undefined
  let challenge: string | undefined
  for (const attribute of attributes ? children(der, attributes) : []) {
    const type = expect(der, attribute.start, attribute.end, TAG.oid)
    const values = expect(der, type.end, attribute.end, TAG.set)
    if (attribute.tag !== TAG.sequence || values.end !== attribute.end) {
      throw new DerError('an attribute is malformed')
    }
    const wanted = equals(der, type, OID.extensionRequest)
    if (!wanted && !equals(der, type, OID.challengePassword)) continue
    const [value, more] = children(der, values)
    if (!value || more || (wanted ? extensions : challenge) !== undefined) {
      throw new DerError('an attribute has two values')
    }
    if (wanted) extensions = value
    else challenge = content(der, value).toString('utf8')
  }
  return { ...readWishes(der, extensions), challenge }
}

function readWishes(der: Buffer, list: Element | undefined): Omit<Wishes, 'challenge'> {
  if (!list) return { altNames: [], wantsAuthority: false }
  const extensions = readExtensions(der, list)
  const constraints = extensions.find(({ type }) => type.equals(OID.basicConstraints))
  const altName = extensions.find(({ type }) => type.equals(OID.subjectAltName))
  return {
    altNames: altName ? readAltNames(altName.value) : [],
    wantsAuthority: constraints !== undefined && wantsAuthority(constraints.value),
  }
}

function wantsAuthority(value: Buffer): boolean {
  const [ca] = children(value, only(value, TAG.sequence))
  return ca !== undefined
}

/** Proof of possession: the request is signed by the key it carries. */
export function verifyCsr(csr: Csr): boolean {
  return verify(csr.digest, csr.signed, importKey(csr.key), csr.signature)
}
