import { hash } from 'node:crypto'

// Only a UUID names one request for ever; tokens of some SDKs are counters that begin anew with each boot.
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const HASH_DIGITS = 8
const KEPT = 16

/** The last client tokens of a shadow: 16 hashes of 4 bytes, in hex. A hit is only a hint; history confirms it. */
export function tokenHash(token: string | undefined): string | undefined {
  if (token === undefined || !UUID.test(token)) return undefined
  return hash('sha256', token.toLowerCase(), 'hex').slice(0, HASH_DIGITS)
}

export function hasToken(tokens: string, hashed: string): boolean {
  for (let at = 0; at < tokens.length; at += HASH_DIGITS) {
    if (tokens.startsWith(hashed, at)) return true
  }
  return false
}

/** The list with a new hash at its end and the oldest one gone. */
export function addToken(tokens: string, hashed: string | undefined): string {
  return hashed === undefined ? tokens : (tokens + hashed).slice(-KEPT * HASH_DIGITS)
}
