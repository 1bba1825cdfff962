import { randomBytes } from 'node:crypto'
import type { Acting } from '../access/acting.ts'
import { makeToken, newTokenId, tokenHash } from '../access/token.ts'
import { audit } from '../audit/record.ts'
import { DomainError } from '../errors.ts'
import { wrap } from '../wrap.ts'
import { findCredential, type CredentialDeps, type FoundCredential } from './credential.ts'
import { insertCredential, insertUses, type CredentialKind } from './queries.ts'

export interface NewCredential {
  readonly kind: CredentialKind
  /** Tokens carry their name in their text: they have a made one. */
  readonly name?: string | undefined
  readonly hardwareRevs: readonly string[] | null
  readonly networks: readonly string[] | null
  readonly startsAt: Date | null
  readonly expiresAt: Date
  readonly maxUses: number
}

/** What is told once: the token, the key in hex, or the claim certificate with chain and private key in PEM. */
export interface Secret {
  readonly secret: string
  readonly certificate?: string
  readonly chain?: string
}

export interface Claim {
  readonly certificate: string
  readonly chain: string
  readonly private_key: string
}

export interface CreateDeps extends CredentialDeps {
  /** The key-encryption key. Throws where none is mounted. */
  readonly kek: () => Promise<Buffer>
  /** Asks pki for a claim certificate. */
  readonly claim: (name: string, days: number) => Promise<Claim>
}

interface Material extends Secret {
  readonly name: string
  readonly hash?: Buffer
  readonly wrapped?: Buffer
  readonly der?: Buffer
}

const KEY_BYTES = 32
const DAY_MS = 86_400_000
const CLAIM_DAYS_MAX = 3650
const EXACT_USES = 1000
const SLOTS = 16

/** The secret of a credential, made before the transaction: signing a claim takes its time. */
export async function makeMaterial(deps: CreateDeps, asked: NewCredential): Promise<Material> {
  switch (asked.kind) {
    case 'token': {
      const { id, text } = makeToken('bt')
      return { name: id, secret: text, hash: tokenHash(text) }
    }
    case 'shared_key': {
      const name = asked.name ?? newTokenId()
      const key = randomBytes(KEY_BYTES)
      return { name, secret: key.toString('hex'), wrapped: wrap(await deps.kek(), key, name) }
    }
    case 'claim': {
      const name = asked.name ?? newTokenId()
      const left = asked.expiresAt.getTime() - deps.clock.now().getTime()
      const days = Math.min(Math.max(1, Math.ceil(left / DAY_MS)), CLAIM_DAYS_MAX)
      const claim = await deps.claim(name, days)
      const { certificate, chain, private_key: secret } = claim
      return { name, secret, certificate, chain, der: derOf(certificate) }
    }
  }
}

function derOf(pem: string): Buffer {
  const base64 = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END/.exec(pem)?.[1] ?? ''
  return Buffer.from(base64, 'base64')
}

/**
 * Records a credential; its secret is in the answer and, but for a hash or wrapped by the key-encryption key, nowhere else.
 * @throws {DomainError} credential.exists
 */
export async function createCredential(
  deps: CredentialDeps,
  acting: Acting,
  asked: NewCredential,
  material: Material,
): Promise<FoundCredential> {
  const { db } = deps
  const { name, hash = null, wrapped = null, der = null } = material
  const { kind, hardwareRevs, networks, startsAt, expiresAt, maxUses } = asked
  const made = await db.row(insertCredential, [
    name,
    kind,
    hash,
    wrapped,
    der,
    hardwareRevs,
    networks,
    startsAt,
    expiresAt,
    maxUses,
  ])
  if (made === undefined) throw new DomainError('credential.exists')
  await db.rows(insertUses, [name, maxUses <= EXACT_USES ? 1 : SLOTS, maxUses])
  await audit(db, { ...acting, verb: 'credential.create', target: name, detail: { kind } })
  return findCredential(deps, name)
}
