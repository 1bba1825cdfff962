import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { readCertificate, type Certificate } from './certificate-read.ts'
import { DerError } from './der-read.ts'
import { authorityKeyId } from './extension.ts'
import { signing } from './issuer-signing.ts'
import { importKey, keyId, type PublicKey } from './key.ts'

/** An authority that can sign, and the bytes that each of its certificates repeats. */
export interface Issuer {
  readonly subject: Buffer
  readonly notAfter: Date
  readonly algorithm: Buffer
  readonly authorityKeyId: Buffer
  /** A signature of these bytes, as it stands in certificate or CRL. */
  sign(signed: Buffer): Buffer
  verify(signed: Buffer, signature: Buffer): boolean
}

export interface IssuerParts {
  readonly subject: Buffer
  readonly notAfter: Date
  readonly publicKey: PublicKey
  readonly subjectKeyId?: Buffer
  readonly key: KeyObject
}

/** An issuer of its parts: a root has no certificate yet when it signs its own. */
export function issuerOf({ subject, notAfter, publicKey, subjectKeyId, key }: IssuerParts): Issuer {
  const { digest, algorithm } = signing(publicKey.kind)
  const verifier = importKey(publicKey)
  const issuer: Issuer = {
    subject,
    notAfter,
    algorithm,
    authorityKeyId: authorityKeyId(subjectKeyId ?? keyId(publicKey.bits)),
    sign: (signed) => sign(digest, signed, key),
    verify: (signed, signature) => verify(digest, signed, verifier, signature),
  }
  const probe = Buffer.from('muster')
  if (!issuer.verify(probe, issuer.sign(probe))) {
    throw new DerError('the private key is not the authority’s')
  }
  return issuer
}

/** Opens an authority. The key is read once: a PEM at each signature costs 700 µs instead of 50. */
export function openIssuer(certificateDer: Buffer, key: KeyObject): Issuer {
  const certificate = readCertificate(certificateDer)
  if (!certificate.isAuthority) throw new DerError('the certificate is no authority’s')
  return issuerOf({ ...certificate, publicKey: certificate.key, key })
}

/** Whether the private key is the one of this certificate. */
export function opensWith(certificate: Certificate, key: KeyObject): boolean {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return certificate.key.spki.equals(spki)
}

/** Every private key of a PEM text, in order. */
export function readPrivateKeys(pem: string, passphrase?: string): KeyObject[] {
  const pattern = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/g
  return [...pem.matchAll(pattern)].map(([block]) => readPrivateKey(block, passphrase))
}

/** A private key of PKCS#8 PEM, with its passphrase where it is encrypted. */
export function readPrivateKey(pem: string | Buffer, passphrase?: string): KeyObject {
  return createPrivateKey(passphrase === undefined ? { key: pem } : { key: pem, passphrase })
}
