import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Certificate } from './certificate-read.ts'
import { BACKDATE_MS, signCertificate } from './certificate-sign.ts'
import { signCrl } from './crl-write.ts'
import { only, TAG } from './der-read.ts'
import {
  authorityConstraints,
  authorityKeyId,
  extendedKeyUsage,
  keyUsage,
  subjectKeyId,
} from './extension.ts'
import { issuerOf, openIssuer } from './issuer.ts'
import { keyId, readKey, type PublicKey } from './key.ts'
import { buildName } from './name.ts'
import { OID } from './oid.ts'

/** An authority's certificate and key. */
export interface Authority {
  readonly certificate: Certificate
  readonly key: KeyObject
}

/**
 * Everything the ceremony makes. The device root and the keys of the next two issuing authorities go offline; the root signs
 * their certificates now, because a broker does not read its CA file again: with them in it, a rollover touches no broker.
 */
export interface Hierarchy {
  readonly root: Authority
  readonly issuing: Authority
  readonly next: readonly [Authority, Authority]
  /** CRLs as DER: of the root, the issuing authority and the next two, in this order. */
  readonly crls: readonly Buffer[]
  readonly claim: Authority
  readonly service: Authority
  readonly server: Authority
}

const YEAR_MS = 365 * 86_400_000
const YEARS = { root: 20, issuing: 3, next: [5, 7], other: 10 } as const
const BROKER_CRL_MS = 7 * 86_400_000

export interface CeremonyOptions {
  readonly now: Date
  readonly organization?: string
  /** Told apart in names: two installations never share one. */
  readonly label: string
}

/** Makes all authorities of an installation. */
export function createAuthority(options: CeremonyOptions): Hierarchy {
  const { now } = options
  const root = selfSigned(options, 'Device Root', 'P-384', YEARS.root)
  const issuing = issuingUnder(root, options, 'Device Issuing 1', YEARS.issuing)
  const next: [Authority, Authority] = [
    issuingUnder(root, options, 'Device Issuing 2', YEARS.next[0]),
    issuingUnder(root, options, 'Device Issuing 3', YEARS.next[1]),
  ]
  return {
    root,
    issuing,
    next,
    crls: [
      firstCrl(root, now, root.certificate.notAfter),
      firstCrl(issuing, now, new Date(now.getTime() + BROKER_CRL_MS)),
      // Their keys are offline until used: these CRLs last as long as they do.
      ...next.map((authority) => firstCrl(authority, now, authority.certificate.notAfter)),
    ],
    claim: selfSigned(options, 'Claim Root', 'P-256', YEARS.other, OID.clientAuth),
    service: selfSigned(options, 'Service Root', 'P-256', YEARS.other, OID.clientAuth),
    server: selfSigned(options, 'Server Root', 'P-256', YEARS.other, OID.serverAuth),
  }
}

/** A further issuing authority below an offline root, for a later rollover. */
export function issuingUnder(
  root: Authority,
  options: CeremonyOptions,
  name: string,
  years: number,
): Authority {
  const { key, publicKey } = generate('P-256')
  const certificate = signCertificate(openIssuer(root.certificate.der, root.key), {
    ...validity(options.now, years),
    subject: authorityName(options, name),
    key: publicKey,
    extensions: [
      authorityConstraints(0),
      keyUsage(5, 6),
      // A cap: whatever it signs can be a client, and nothing else.
      extendedKeyUsage(OID.clientAuth),
      authorityKeyId(root.certificate.subjectKeyId),
      subjectKeyId(keyId(publicKey.bits)),
    ],
  })
  return { certificate, key }
}

/** The CRL before any revocation. */
export function firstCrl(authority: Authority, now: Date, nextUpdate: Date): Buffer {
  const issuer = openIssuer(authority.certificate.der, authority.key)
  return signCrl(issuer, { number: 1n, thisUpdate: now, nextUpdate, revoked: [] })
}

function selfSigned(
  options: CeremonyOptions,
  name: string,
  curve: 'P-256' | 'P-384',
  years: number,
  purpose?: Buffer,
): Authority {
  const { key, publicKey } = generate(curve)
  const id = keyId(publicKey.bits)
  const subject = authorityName(options, name)
  const { notBefore, notAfter } = validity(options.now, years)
  const certificate = signCertificate(issuerOf({ key, publicKey, subject, notAfter }), {
    subject,
    key: publicKey,
    notBefore,
    notAfter,
    extensions: [
      authorityConstraints(purpose === undefined ? 1 : 0),
      keyUsage(5, 6),
      ...(purpose === undefined ? [] : [extendedKeyUsage(purpose)]),
      authorityKeyId(id),
      subjectKeyId(id),
    ],
  })
  return { certificate, key }
}

function generate(curve: 'P-256' | 'P-384'): { key: KeyObject; publicKey: PublicKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { key: privateKey, publicKey: readKey(spki, only(spki, TAG.sequence)) }
}

function authorityName({ organization = 'Muster', label }: CeremonyOptions, name: string): Buffer {
  return buildName([
    { type: OID.organization, value: organization },
    { type: OID.commonName, value: `Muster ${name} ${label}` },
  ])
}

function validity(now: Date, years: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + years * YEAR_MS),
  }
}
