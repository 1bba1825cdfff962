import type { KeyObject } from 'node:crypto'
import type { Authority, Hierarchy } from './authority.ts'
import { certificatePem, toPem } from './pem.ts'

/** What a ceremony leaves, by file name: what stays at hand as secrets, and what is to be put away. */
export interface CeremonyFiles {
  readonly kept: Readonly<Record<string, string>>
  readonly offline: Readonly<Record<string, string>>
}

/** PKCS#8, encrypted where there is a passphrase. */
export function keyPem(key: KeyObject, passphrase: string | undefined): string {
  const sealed = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return key.export({ type: 'pkcs8', format: 'pem', ...sealed }).toString()
}

/** Name of the file that holds the key of a device issuing authority, counted from 1. */
export const issuingKeyFile = (number: number): string => `device-issuing-${number}.key`
export const ROOT_KEY_FILE = 'device-root.key'

/** Files of a ceremony. */
export function ceremonyFiles(
  { root, issuing, next, crls, ...others }: Hierarchy,
  passphrase: string | undefined,
): CeremonyFiles {
  const bundle = [root, issuing, ...next].map(({ certificate }) => certificatePem(certificate.der))
  const kept: Record<string, string> = {
    'ca-certificates': [...bundle, ...crls.map(crlPem)].join(''),
    'ca-issuing-key': keyPem(issuing.key, passphrase),
  }
  for (const name of ['claim', 'service', 'server'] as const) {
    const authority: Authority = others[name]
    kept[`${name}-ca-certificate`] = certificatePem(authority.certificate.der)
    kept[`${name}-ca-key`] = keyPem(authority.key, passphrase)
  }
  const offline: Record<string, string> = { [ROOT_KEY_FILE]: keyPem(root.key, passphrase) }
  for (const [at, { key }] of next.entries())
    offline[issuingKeyFile(at + 2)] = keyPem(key, passphrase)
  return { kept, offline }
}

export const crlPem = (der: Buffer): string => toPem('X509 CRL', der)
