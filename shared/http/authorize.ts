import { DomainError } from '../errors.ts'
import type { Identity } from './call.ts'
import type { Route, RouteKind, RouteRule } from './route.ts'

const LEVELS = ['read', 'operate', 'admin'] as const
const SCOPE_OF = { R: 'read', O: 'operate', A: 'admin' } as const

type Operator = Extract<Identity, { kind: 'operator' }>

/** Whether one of the scopes reaches the level, for everything or for this noun. */
export function scopeReaches(
  scope: readonly string[],
  level: (typeof LEVELS)[number],
  noun: string,
): boolean {
  return scope.some((one) => {
    const [name, narrowed] = one.split(':')
    const rank = LEVELS.findIndex((known) => known === name)
    const fits = narrowed === undefined || narrowed.replaceAll('_', '-') === noun
    return fits && rank >= LEVELS.indexOf(level)
  })
}

/**
 * For a part of a request that is another noun's: what its route's scope lets pass is not enough.
 * @throws {DomainError} auth.scope_missing
 */
export function needOperate(identity: Identity, noun: string): void {
  if (identity.kind === 'operator' && scopeReaches(identity.scope, 'operate', noun)) return
  throw new DomainError('auth.scope_missing', { detail: `operate:${noun} is needed for this` })
}

function operatorMatches(identity: Operator, kind: RouteKind, noun: string): boolean {
  if (kind === 'pm') return identity.scope.includes('metrics')
  return (
    (kind === 'R' || kind === 'O' || kind === 'A') &&
    scopeReaches(identity.scope, SCOPE_OF[kind], noun)
  )
}

// A one-time token or shared key stands in the request: the function finds out.
const IN_REQUEST: ReadonlySet<RouteKind> = new Set(['none', 'to', 'sk'])

function matches(identity: Identity, kind: RouteKind, route: Route, own: boolean): boolean {
  switch (identity.kind) {
    case 'none':
      return IN_REQUEST.has(kind)
    case 'claim':
      return kind === 'cl'
    case 'revoked':
      return kind === 'rv'
    case 'device':
      return kind === (own ? 'do' : 'dx')
    case 'operator':
      return operatorMatches(identity, kind, route.scope)
  }
}

/**
 * Applies the route table: returns where the identity may pass.
 * @throws {DomainError} device.suspended, auth.scope_missing (403), auth.required (401, the same for every other reason)
 */
export function authorize(
  route: Route,
  rule: RouteRule,
  identity: Identity,
  params: Readonly<Record<string, string>>,
): void {
  if (rule.allow.includes('none')) return
  const own =
    identity.kind === 'device' &&
    (route.self === undefined || params[route.self] === identity.deviceId)
  const suspended = identity.kind === 'device' && identity.status === 'suspended'
  const is = (kind: RouteKind) => matches(identity, kind, route, own)
  if (rule.allow.some(is)) {
    if (suspended) throw new DomainError('device.suspended')
    return
  }
  if (rule.deny.some(is))
    throw new DomainError(suspended ? 'device.suspended' : 'auth.scope_missing')
  const forOperators = rule.allow.some((kind) => ['R', 'O', 'A', 'pm'].includes(kind))
  if (identity.kind === 'operator' && forOperators) throw new DomainError('auth.scope_missing')
  throw new DomainError('auth.required')
}

/** The methods a path takes, for the Allow header. */
export function allowedMethods(route: Route): string {
  const methods = Object.keys(route.methods)
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ')
}
