import { createHash, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { randomBase62, toBase62 } from './base62.ts'

/** op: operator; bt: bootstrap token; tt, gt: target and gateway token of a DDI device. */
export type TokenKind = 'op' | 'bt' | 'tt' | 'gt'

export interface Token {
  readonly kind: TokenKind
  /** Public: names the row, is shown in lists and written to the audit log. */
  readonly id: string
  /** The whole text, which is the secret. */
  readonly text: string
}

const FORMAT = /^(mu_(op|bt|tt|gt)_([0-9A-Za-z]{12})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/
const KINDS = ['op', 'bt', 'tt', 'gt'] as const
const ID_LENGTH = 12
const SECRET_LENGTH = 43 // 256 bits
const CHECK_LENGTH = 6

/** The id in the middle of a token: `id` names it where the operator sees it. */
export const TOKEN_ID = /^[0-9A-Za-z]{12}$/

const checkOf = (body: string): string => toBase62(crc32(body), CHECK_LENGTH)

export function newTokenId(): string {
  return randomBase62(ID_LENGTH)
}

/** Makes a token; only its hash is stored. */
export function makeToken(kind: TokenKind, id: string = newTokenId()): Token {
  const body = `mu_${kind}_${id}_${randomBase62(SECRET_LENGTH)}`
  return { kind, id, text: body + checkOf(body) }
}

/**
 * Reads a token. Kind and checksum are settled before any database is asked: a mistyped token, or one of another kind, costs nothing.
 */
export function parseToken(text: string, wanted: TokenKind): Token | undefined {
  const found = FORMAT.exec(text)
  if (found === null) return undefined
  const [, body = '', word, id = '', check] = found
  const kind = KINDS.find((known) => known === word)
  if (kind !== wanted || checkOf(body) !== check) return undefined
  return { kind, id, text }
}

/** SHA-256 of the whole text: what the database keeps. */
export function tokenHash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Whether the text is the one whose hash is stored, in constant time. */
export function tokenMatches(text: string, storedHash: Buffer): boolean {
  const hash = tokenHash(text)
  return hash.length === storedHash.length && timingSafeEqual(hash, storedHash)
}
