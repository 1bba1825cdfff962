import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { DomainError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { identify, type Caller } from './identify.ts'
import { createOidc, type OidcVerifier } from './oidc.ts'
import { createRates, type Rates } from './rates.ts'

/** What every function that answers the edge needs beside the host's own: made once, by `createAccess`. */
export interface Access {
  readonly oidc: OidcVerifier | undefined
  readonly rates: Rates
}

export interface AccessDeps {
  readonly db: Database
  readonly clock: Clock
  readonly config: Config
  readonly access: Access
}

interface AccessCall extends Caller {
  readonly callId: string
  readonly target: string
}

/** Makes rates and, where an issuer is configured, the check of its tokens. */
export function createAccess({ db, clock, config }: Omit<AccessDeps, 'access'>): Access {
  const { oidcIssuer: issuer, oidcAudience: audience, oidcScopeClaim: scopeClaim } = config
  const oidc =
    issuer === undefined || audience === undefined
      ? undefined
      : createOidc({ issuer, audience, scopeClaim, clock })
  return { oidc, rates: createRates({ db, clock }) }
}

/** What `serve` asks of access, for every function: who is it, may it come so often, and who was turned away. */
export const access = {
  identify: (call: AccessCall, request: Request, deps: AccessDeps): Promise<Identity> =>
    identify(call, request, {
      db: deps.db,
      clock: deps.clock,
      oidc: deps.access.oidc,
      origin: new URL(deps.config.apiUrl).origin,
    }),

  admit: async (_call: AccessCall, identity: Identity, deps: AccessDeps): Promise<void> => {
    const { rates } = deps.access
    if (identity.kind === 'operator') await rates.take('token', identity.tokenId ?? identity.actor)
    if (identity.kind === 'device') await rates.take('device', identity.deviceId)
  },

  // Denials of known ones only: strangers would fill the log.
  denied: async (
    call: AccessCall,
    identity: Identity,
    error: DomainError,
    deps: AccessDeps,
  ): Promise<void> => {
    const actor = actorOf(identity)
    if (actor === undefined || error.code === 'rate.limited') return
    // Whose every request is a denial: these take from no bucket elsewhere.
    const { kind } = identity
    if (kind === 'revoked' || kind === 'claim') await deps.access.rates.take('device', actor)
    await audit(deps.db, {
      actor,
      tokenId: identity.kind === 'operator' ? identity.tokenId : null,
      source: call.source,
      callId: call.callId,
      verb: 'access.denied',
      target: call.target.split('?', 1)[0] ?? '',
      code: error.code,
    })
  },
}

/** How the audit log names who asks; undefined: a stranger. */
export function actorOf(identity: Identity): string | undefined {
  switch (identity.kind) {
    case 'none':
      return undefined
    case 'operator':
      return identity.actor
    case 'device':
    case 'revoked':
      return `device ${identity.deviceId}`
    case 'claim':
      return `claim ${identity.credentialId}`
  }
}
