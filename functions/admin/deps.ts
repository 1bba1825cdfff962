import type { RouteConfig, RouteHandler } from '@hono/zod-openapi'
import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Claim } from '../../shared/credential/create.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Host } from '../../shared/host.ts'
import type { functionApp, FunctionEnv } from '../../shared/http/function-app.ts'
import { readKek } from '../../shared/wrap.ts'

export interface Deps extends Host {
  readonly access: Access
  /** The key-encryption key, read afresh. Throws where none is mounted. */
  readonly kek: () => Promise<Buffer>
  /** Asks pki, which alone holds the key, for a claim certificate. */
  readonly claim: (name: string, days: number) => Promise<Claim>
}

export type App = ReturnType<typeof functionApp<Deps>>
/** Answers a route of this function. */
export type Answer<R extends RouteConfig> = RouteHandler<R, FunctionEnv<Deps>>

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  const kek = async (): Promise<Buffer> => {
    const secret = await host.secret('kek')
    if (secret === undefined) throw new Error('the secret kek is not mounted')
    return readKek(secret)
  }
  return {
    ...host,
    access: createAccess(host),
    kek,
    claim: (name, days) => claim(host, name, days),
  }
}

async function claim({ call }: Host, name: string, days: number): Promise<Claim> {
  const response = await call('pki', '/internal/claim', { name, days })
  const body: unknown = await response.json().catch(() => undefined)
  if (!response.ok || !isClaim(body)) {
    const cause = new Error(`pki answered ${response.status} without a claim certificate`)
    throw new DomainError('ca.unavailable', {}, { cause })
  }
  return body
}

function isClaim(body: unknown): body is Claim {
  return (
    typeof body === 'object' &&
    body !== null &&
    'certificate' in body &&
    typeof body.certificate === 'string' &&
    'chain' in body &&
    typeof body.chain === 'string' &&
    'private_key' in body &&
    typeof body.private_key === 'string'
  )
}
