import { sign, type KeyObject } from 'node:crypto'
import {
  bitString,
  context,
  integerOf,
  oid,
  sequence,
  set,
  utf8String,
} from '../../shared/pki/der-write.ts'

const COMMON_NAME = '2.5.4.3'
const ECDSA_SHA256 = '1.2.840.10045.4.3.2'

/** A PKCS #10 request (RFC 2986) in PEM for a P-256 key, as a device's agent would make it. */
export function createCsr(
  key: { privateKey: KeyObject; publicKey: KeyObject },
  commonName: string,
): string {
  const name = sequence(set(sequence(oid(COMMON_NAME), utf8String(commonName))))
  const spki = key.publicKey.export({ type: 'spki', format: 'der' })
  const info = sequence(integerOf(0), name, spki, context(0))
  const signature = sign('sha256', info, key.privateKey)
  const csr = sequence(info, sequence(oid(ECDSA_SHA256)), bitString(signature))
  const base64 = csr.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`
}
