import type { KeyObject } from 'node:crypto'
import { isSignedBy, readCertificate, type Certificate } from './certificate-read.ts'
import { ROOT_KEY_FILE, type CeremonyFiles } from './ceremony.ts'
import { isCrlOf, readCrl } from './crl-read.ts'
import { DerError } from './der-read.ts'
import { readBundle } from './install-authority.ts'
import { opensWith, readPrivateKey, readPrivateKeys } from './issuer.ts'
import { fromPem } from './pem.ts'

/** One authority, as the files show it. */
export interface ShownAuthority {
  readonly name: string
  readonly kind: 'device' | 'claim' | 'service' | 'server'
  readonly state: 'root' | 'active' | 'next' | 'retired'
  readonly certificate: Certificate
  /** Where its key is: with the secrets, offline but in this folder, or elsewhere. */
  readonly key: 'secret' | 'offline' | 'elsewhere'
}

export interface Finding {
  readonly severity: 'fault' | 'warning'
  readonly text: string
}

const OTHERS = ['claim', 'service', 'server'] as const
const SOON_MS = 90 * 86_400_000

/** Every authority of an installation's files. Throws DerError where they are not one installation's. */
export function listAuthorities(
  { kept, offline }: CeremonyFiles,
  passphrase: string | undefined,
): ShownAuthority[] {
  const { certificates } = readBundle(kept['ca-certificates'] ?? '')
  const keys = readPrivateKeys(kept['ca-issuing-key'] ?? '', passphrase)
  const away = Object.values(offline).map((pem) => readPrivateKey(pem, passphrase))
  const place = (certificate: Certificate, near: readonly KeyObject[]) =>
    near.some((key) => opensWith(certificate, key))
      ? ('secret' as const)
      : away.some((key) => opensWith(certificate, key))
        ? ('offline' as const)
        : ('elsewhere' as const)
  const at = certificates.findIndex((each) => keys[0] && opensWith(each, keys[0]))
  const device = certificates.map((certificate, index): ShownAuthority => {
    const root = certificate.subject.equals(certificate.issuer)
    const state = root ? 'root' : index < at ? 'retired' : index === at ? 'active' : 'next'
    const name = nameOf(certificate)
    return { name, certificate, kind: 'device', state, key: place(certificate, keys) }
  })
  const others = OTHERS.flatMap((kind): ShownAuthority[] => {
    const pem = kept[`${kind}-ca-certificate`]
    if (pem === undefined) return []
    const certificate = readCertificate(fromPem(pem, 'CERTIFICATE'))
    const own = readPrivateKeys(kept[`${kind}-ca-key`] ?? '', passphrase)
    const name = nameOf(certificate)
    return [{ name, certificate, kind, state: 'root', key: place(certificate, own) }]
  })
  return [...device, ...others]
}

const nameOf = (certificate: Certificate): string => certificate.commonName ?? ''

/** What is wrong with an installation's authorities, and what will be. */
export function checkAuthorities(
  files: CeremonyFiles,
  passphrase: string | undefined,
  now: Date,
): Finding[] {
  const found: Finding[] = []
  const fault = (text: string) => found.push({ severity: 'fault', text })
  const warn = (text: string) => found.push({ severity: 'warning', text })
  try {
    const authorities = listAuthorities(files, passphrase)
    if (!authorities.some(({ state }) => state === 'active'))
      fault('no issuing key fits an authority')
    if (!authorities.some(({ state }) => state === 'next'))
      warn('no next issuing authority is prepared')
    for (const { name, certificate, state } of authorities) {
      if (certificate.notAfter <= now) fault(`${name} has ended`)
      else if (state !== 'retired' && certificate.notAfter.getTime() - now.getTime() < SOON_MS) {
        warn(`${name} ends ${certificate.notAfter.toISOString().slice(0, 10)}`)
      }
      if (state === 'root' && !isSignedBy(certificate, certificate))
        fault(`${name} is not signed by itself`)
    }
    for (const text of crlFaults(files)) fault(text)
  } catch (error) {
    fault(error instanceof DerError || error instanceof Error ? error.message : String(error))
  }
  if (files.offline[ROOT_KEY_FILE] !== undefined) {
    warn('root-offline is still here: put it away, on a medium that is not connected')
  }
  return found
}

function crlFaults({ kept }: CeremonyFiles): string[] {
  const { certificates, crls } = readBundle(kept['ca-certificates'] ?? '')
  const read = crls.map((der) => readCrl(der))
  return certificates.flatMap((certificate) =>
    read.some((crl) => isCrlOf(crl, certificate))
      ? []
      : [`${certificate.commonName ?? 'an authority'} has no CRL`],
  )
}
