import { createHash, randomBytes } from 'node:crypto'

export const SESSION_COOKIE = '__Host-muster'
/** What the console's own requests carry and a foreign page's form cannot. */
export const CONSOLE_HEADER = 'muster-console'

const SECRET_BYTES = 32

export type SessionUse = 'link' | 'session'

export function newSessionSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** What is stored; the use goes into the hash, so that a link is no cookie and a cookie no link. */
export function sessionHash(use: SessionUse, secret: string): Buffer {
  return createHash('sha256').update(`${use} ${secret}`).digest()
}

/** The session's secret out of a Cookie header; none where the cookie comes twice. */
export function sessionSecret(cookieHeader: string | null): string | undefined {
  const values = (cookieHeader ?? '')
    .split(';')
    .map((part) => part.trim().split('='))
    .filter(([name]) => name === SESSION_COOKIE)
    .map(([, value = '']) => value)
  const [secret = ''] = values
  return values.length === 1 && /^[\w-]{43}$/.test(secret) ? secret : undefined
}

const SAFE_METHODS = new Set(['GET', 'HEAD'])

/**
 * Whether a request with the cookie may act: reading always, since the cookie is SameSite=Strict and answers are not readable
 * across origins; writing from our own pages only, which say so twice.
 */
export function mayUseSession(method: string, headers: Headers, origin: string): boolean {
  if (SAFE_METHODS.has(method)) return true
  if (headers.get(CONSOLE_HEADER) === null) return false
  const site = headers.get('sec-fetch-site')
  return site === null ? headers.get('origin') === origin : site === 'same-origin'
}
