// Authorities and certificates of a test's own, by the product's codec: clients of TLS listeners.
import { generateKeyPairSync } from 'node:crypto'
import { createAuthority, type Authority, type Hierarchy } from '../../shared/pki/authority.ts'
import { only, TAG } from '../../shared/pki/der-read.ts'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { readKey } from '../../shared/pki/key.ts'
import {
  signServerCertificate,
  signServiceCertificate,
} from '../../shared/pki/leaf-certificates.ts'
import { certificatePem } from '../../shared/pki/pem.ts'

export interface Credentials {
  readonly cert: string
  readonly key: string
}

export function newHierarchy(label = 'test'): Hierarchy {
  return createAuthority({ now: new Date(), label })
}

export function pemOf({ certificate }: Authority): string {
  return certificatePem(certificate.der)
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    key: readKey(spki, only(spki, TAG.sequence)),
  }
}

/** A client's certificate under this authority; its common name is the device's id or the service account's name. */
export function clientUnder(authority: Authority, name: string, now = new Date()): Credentials {
  const issuer = openIssuer(authority.certificate.der, authority.key)
  const { pem, key } = newKey()
  const { der } = signServiceCertificate(issuer, { key, now, name })
  return { cert: certificatePem(der), key: pem }
}

/** A server's certificate for localhost. */
export function serverUnder(authority: Authority): Credentials {
  const issuer = openIssuer(authority.certificate.der, authority.key)
  const { pem, key } = newKey()
  const { der } = signServerCertificate(issuer, { key, now: new Date(), names: ['localhost'] })
  return { cert: certificatePem(der), key: pem }
}
