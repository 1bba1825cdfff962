import type { JWTPayload } from 'jose'
import type { Clock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { issuerKeys } from './issuer-keys.ts'
import { knownScopes } from './scope.ts'

export interface OidcOptions {
  readonly issuer: string
  readonly audience: string
  /** The one claim that holds scopes: a text with spaces or a list. */
  readonly scopeClaim: string
  readonly clock: Clock
}

export interface OidcOperator {
  /** `issuer#subject`: never the email, which two issuers may both claim. */
  readonly actor: string
  readonly scope: string[]
}

export type OidcVerifier = (token: string) => Promise<OidcOperator | undefined>

// Asymmetric ones only: with HS256 whoever knows the public key could sign, with `none` anybody.
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')
const TOLERANCE_SECONDS = 60
const TOKEN_CHARACTERS = 8192

/** Whether a bearer credential looks like a JWT in compact form. */
export function looksLikeJwt(text: string): boolean {
  return text.length <= TOKEN_CHARACTERS && /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text)
}

/** Verifies JWTs of one issuer. Undefined: not valid; throws auth.unavailable while its keys cannot be had. */
export function createOidc(options: OidcOptions): OidcVerifier {
  const { issuer, audience, clock } = options
  const keys = issuerKeys(issuer, clock)
  return async (token) => {
    const { jwtVerify } = await import('jose')
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sub'],
        currentDate: clock.now(),
      })
      return { actor: `${issuer}#${payload.sub}`, scope: scopeOf(payload, options.scopeClaim) }
    } catch (error) {
      if (error instanceof DomainError && error.code === 'auth.unavailable') throw error
      return undefined
    }
  }
}

function scopeOf(payload: JWTPayload, claim: string): string[] {
  const value = payload[claim]
  if (typeof value === 'string') return knownScopes(value.split(' '))
  return Array.isArray(value) ? knownScopes(value.filter((one) => typeof one === 'string')) : []
}
