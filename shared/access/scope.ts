import * as z from 'zod'

export const LEVELS = ['read', 'operate', 'admin'] as const
export type Level = (typeof LEVELS)[number]

/** `read`, `operate` and `admin`, each also for one noun only (`operate:allowlist`), or `metrics`. */
export const Scope = z
  .string()
  .regex(/^(?:(?:read|operate|admin)(?::[a-z][a-z_-]{0,31})?|metrics)$/, 'not a scope')

/** The scopes that are well-formed; whatever else an issuer puts into its claim counts for nothing. */
export function knownScopes(words: readonly string[]): string[] {
  return words.filter((word) => Scope.safeParse(word).success)
}

function rank(scope: string): number {
  return LEVELS.findIndex((level) => level === scope.split(':', 1)[0])
}

/**
 * Whether whoever holds `held` may hand out `wanted`: nobody makes a token that can do more than the own one.
 */
export function mayGrant(held: readonly string[], wanted: string): boolean {
  const noun = wanted.split(':')[1]
  return held.some((scope) => {
    if (scope === wanted) return true
    const [, narrowed] = scope.split(':')
    if (narrowed !== undefined && narrowed !== noun) return false
    // `metrics` is the right to read less than `read` does.
    return wanted === 'metrics'
      ? rank(scope) >= 0
      : rank(scope) >= rank(wanted) && rank(wanted) >= 0
  })
}
