import type { KeyObject } from 'node:crypto'
import { firstCrl, issuingUnder } from './authority.ts'
import { isSignedBy, type Certificate } from './certificate-read.ts'
import { crlPem, issuingKeyFile, keyPem, ROOT_KEY_FILE, type CeremonyFiles } from './ceremony.ts'
import { DerError } from './der-read.ts'
import { readBundle } from './install-authority.ts'
import { opensWith, readPrivateKey, readPrivateKeys } from './issuer.ts'
import { certificatePem } from './pem.ts'

export interface RolloverOptions {
  readonly now: Date
  readonly passphrase: string | undefined
}

export interface Rollover {
  /** Files to write; `kept` are secrets, read again within ten seconds. */
  readonly files: CeremonyFiles
  /** The offline file whose key is in use now, and is to be removed. */
  readonly used: string
  readonly active: Certificate
  /** The further authority that the root made for a later rollover; undefined where the root's key was not there. */
  readonly made: Certificate | undefined
}

const YEARS = 7

/**
 * Puts the next issuing authority into use. The key before stays beside it, for the CRL of its certificates. With the root's key at hand one more authority is made,
 * so that two are always known to brokers before they are used.
 */
export function rollOver(files: CeremonyFiles, options: RolloverOptions): Rollover {
  const bundle = readBundle(files.kept['ca-certificates'] ?? '')
  const issuing = bundle.certificates.filter((each) => !each.subject.equals(each.issuer))
  const keys = readPrivateKeys(files.kept['ca-issuing-key'] ?? '', options.passphrase)
  const [active] = keys
  const at = active ? issuing.findIndex((each) => opensWith(each, active)) : -1
  const successor = issuing[at + 1]
  if (at < 0 || !successor) throw new DerError('there is no next issuing authority')
  const used = offlineKey(files, successor, options.passphrase)
  const pems = [used.key, ...keys].map((key) => keyPem(key, options.passphrase)).join('')
  const made = furtherAuthority(files, bundle.certificates, options)
  return {
    used: used.name,
    active: successor,
    made: made?.certificate,
    files: {
      kept: {
        'ca-issuing-key': pems,
        ...(made && {
          'ca-certificates': (files.kept['ca-certificates'] ?? '') + made.pem,
        }),
      },
      offline: made ? { [made.name]: made.key } : {},
    },
  }
}

function offlineKey(
  { offline }: CeremonyFiles,
  certificate: Certificate,
  passphrase: string | undefined,
): { name: string; key: KeyObject } {
  for (const [name, pem] of Object.entries(offline)) {
    const key = readPrivateKey(pem, passphrase)
    if (opensWith(certificate, key)) return { name, key }
  }
  throw new DerError(`the key of ${certificate.commonName ?? 'the next authority'} is not there`)
}

function furtherAuthority(
  { offline }: CeremonyFiles,
  certificates: readonly Certificate[],
  { now, passphrase }: RolloverOptions,
) {
  const pem = offline[ROOT_KEY_FILE]
  const root = certificates.find((each) => isSignedBy(each, each))
  if (pem === undefined || !root) return undefined
  const number = certificates.length
  const label = root.commonName?.split(' ').at(-1) ?? ''
  const authority = issuingUnder(
    { certificate: root, key: readPrivateKey(pem, passphrase) },
    { now, label },
    `Device Issuing ${number}`,
    YEARS,
  )
  const crl = firstCrl(authority, now, authority.certificate.notAfter)
  return {
    certificate: authority.certificate,
    name: issuingKeyFile(number),
    key: keyPem(authority.key, passphrase),
    pem: certificatePem(authority.certificate.der) + crlPem(crl),
  }
}
