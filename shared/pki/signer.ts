import type { KeyObject } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { readCertificate, type Certificate } from './certificate-read.ts'
import { installAuthority, readBundle } from './install-authority.ts'
import { issuerOf, opensWith, readPrivateKeys, type Issuer } from './issuer.ts'
import { readIssuers, type IssuerRow, type IssuerState } from './queries.ts'

/** An authority whose key is at hand. */
export interface SigningAuthority {
  readonly issuerId: number
  readonly state: IssuerState
  readonly certificate: Certificate
  readonly issuer: Issuer
}

/** The built-in authority's keys, in the one function that mounts them. */
export interface Signer {
  /** The authority that signs now. Throws ca.unavailable where there is none. */
  active(): Promise<SigningAuthority>
  /** Every authority whose CRL is made here: the active one, and those before it. */
  all(): Promise<readonly SigningAuthority[]>
}

export interface SignerDeps {
  readonly db: Database
  readonly clock: Clock
  readonly secret: (name: string) => Promise<Buffer | undefined>
  /** Opens encrypted keys; undefined: they are not. */
  readonly passphrase: () => Promise<string | undefined>
}

const REREAD_MS = 10_000
const MARGIN_MS = 86_400_000

interface Opened {
  readonly until: number
  readonly authorities: Promise<readonly SigningAuthority[]>
}

/** Secrets are read again every ten seconds, so that a rollover needs no restart; keys that did not change stay open. */
export function createSigner(deps: SignerDeps): Signer {
  let opened: Opened | undefined
  const installed = { as: '' }
  const all = (): Promise<readonly SigningAuthority[]> => {
    const now = performance.now()
    if (opened && now < opened.until) return opened.authorities
    const authorities = openAuthorities(deps, installed)
    opened = { until: now + REREAD_MS, authorities }
    authorities.catch(() => (opened = undefined))
    return authorities
  }
  return {
    all,
    active: async () => {
      const found = (await all()).find(({ state }) => state === 'active')
      if (!found) throw unavailable('no key of the active authority is mounted')
      if (found.certificate.notAfter.getTime() < deps.clock.now().getTime() + MARGIN_MS) {
        throw unavailable('the active authority has ended')
      }
      return found
    },
  }
}

function unavailable(reason: string, cause?: unknown): DomainError {
  return new DomainError('ca.unavailable', {}, { cause: new Error(reason, { cause }) })
}

async function openAuthorities(
  deps: SignerDeps,
  installed: { as: string },
): Promise<SigningAuthority[]> {
  const { text, keys } = await readKeys(deps)
  const bundle = (await deps.secret('ca-certificates'))?.toString('utf8')
  // Entered once for what is mounted now, not each time that it is read.
  const as = `${text}${bundle ?? ''}`
  if (bundle !== undefined && as !== installed.as) {
    await installAuthority(deps, readBundle(bundle), keys)
    installed.as = as
  }
  const rows = await deps.db.rows(readIssuers, [])
  return rows.flatMap((row) => open(row, keys))
}

async function readKeys(deps: SignerDeps): Promise<{ text: string; keys: KeyObject[] }> {
  const pem = await deps.secret('ca-issuing-key')
  if (!pem) throw unavailable('no issuing key is mounted')
  const passphrase = await deps.passphrase()
  try {
    const text = pem.toString('utf8')
    return { text, keys: readPrivateKeys(text, passphrase) }
  } catch (cause) {
    throw unavailable('the issuing key cannot be read', cause)
  }
}

function open(row: IssuerRow, keys: readonly KeyObject[]): SigningAuthority[] {
  if (row.state === 'root') return []
  const certificate = readCertificate(row.certificate)
  const key = keys.find((each) => opensWith(certificate, each))
  if (!key) return []
  const issuer = issuerOf({ ...certificate, publicKey: certificate.key, key })
  return [{ issuerId: row.issuer_id, state: row.state, certificate, issuer }]
}
