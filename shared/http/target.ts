import { DomainError } from '../errors.ts'
import { callerMay } from '../hop/callers.ts'
import { allowedMethods, authorize } from './authorize.ts'
import type { Call, Identity } from './call.ts'
import { matchRoute } from './match-route.ts'
import { ruleOf, type Route } from './route.ts'

const MIB = 1024 * 1024

// Largest bodies of the inner targets; a call of the connector is at most 1 MiB of events, in base64.
const INNER_BODY_BYTES = { '/mqtt': 2 * MIB, '/cron': 0, '/internal/': MIB } as const

export interface Target {
  readonly bodyBytes: number
  readonly stream: boolean
  /** Whether the caller may leave the body out of its proof. */
  readonly unsignedBody: boolean
  readonly label: string
  authorize(identity: Identity): void
}

function innerTarget(path: string): Target | undefined {
  const found = Object.entries(INNER_BODY_BYTES).find(([prefix]) =>
    prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix,
  )
  if (found === undefined) return undefined
  const [, bodyBytes] = found
  return { bodyBytes, stream: false, unsignedBody: false, label: path, authorize: () => undefined }
}

// The table matches the path as sent, the app a parsed URL: `..`, `\` and `%61` would be one thing to the first and another to the
// second, so that a right to one path were a right to the other.
function isPlain(path: string, route: Route): boolean {
  if (new URL(`http://muster${path}`).pathname !== path) return false
  if (!path.includes('%')) return true
  try {
    return matchRoute(decodeURI(path))?.route === route
  } catch {
    return false
  }
}

/** Finds what the signed target means for this function, and who may ask for it. */
export function resolveTarget(name: string, method: string, call: Call): Target {
  const path = call.target.split('?', 1)[0] ?? ''
  // No text in PostgreSQL holds a NUL, so no name, cursor or value of ours does.
  if (call.target.includes('%00')) throw new DomainError('request.malformed', { detail: 'NUL' })
  if (!callerMay(call.caller, name, call.target)) throw new DomainError('auth.scope_missing')
  const inner = innerTarget(path)
  if (inner !== undefined) return inner
  const match = matchRoute(path)
  if (match === undefined || match.route.function !== name) throw new DomainError('route.not_found')
  const { route } = match
  if (!isPlain(path, route)) throw new DomainError('route.not_found')
  const rule = ruleOf(route, method)
  if (rule === undefined) {
    throw new DomainError('request.method_not_allowed', { allow: allowedMethods(route) })
  }
  const params = Object.fromEntries(
    Object.entries(match.params).map(([key, value]) => [key, decodeSegment(value)]),
  )
  return {
    bodyBytes: route.bodyBytes,
    stream: route.stream === 'up',
    unsignedBody: route.unsignedBody,
    label: route.template,
    authorize: (identity) => authorize(route, rule, identity, params),
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new DomainError('request.malformed', { detail: 'the path is not percent-encoded UTF-8' })
  }
}
