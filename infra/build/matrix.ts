import type { Route, RouteKind, RouteRule } from '../../shared/http/route.ts'

/** Who asks, in the columns of the matrix. */
export const IDENTITIES = ['none', 'R', 'O', 'A', 'pm', 'do', 'dx', 'rv', 'cl'] as const
export type MatrixIdentity = (typeof IDENTITIES)[number]

/**
 * What the table promises: `2xx` allowed, `401` or `403` refused, `ask` where the credential is in the
 * request itself and the function decides (tokens, shared keys).
 */
export type Expectation = '2xx' | '401' | '403' | 'ask'

const LEVELS = ['R', 'O', 'A'] as const

/** The answer that one identity gets at one method of a route. */
export function expectation(route: Route, rule: RouteRule, who: MatrixIdentity): Expectation {
  const allows = (kind: RouteKind) => rule.allow.includes(kind)
  if (allows('none')) return '2xx'
  if (who === 'pm') return allows('pm') ? '2xx' : operatorRefusal(rule)
  const level = LEVELS.findIndex((known) => known === who)
  if (level >= 0) {
    const needed = LEVELS.findIndex((known) => allows(known))
    return needed >= 0 && level >= needed ? '2xx' : operatorRefusal(rule)
  }
  const kind = who === 'dx' && route.self === undefined ? 'do' : who
  if (allows(kind)) return '2xx'
  if (rule.deny.includes(kind)) return '403'
  return allows('to') || allows('sk') ? 'ask' : '401'
}

// An operator is known, so a route of operators answers 403; elsewhere a token counts as nothing.
function operatorRefusal(rule: RouteRule): Expectation {
  if (LEVELS.some((level) => rule.allow.includes(level)) || rule.allow.includes('pm')) return '403'
  return rule.allow.includes('to') ? 'ask' : '401'
}

/** The whole matrix as the text that is committed and reviewed. */
export function matrixText(routes: readonly Route[]): string {
  const rows: string[][] = []
  for (const route of routes)
    for (const [method, rule] of Object.entries(route.methods))
      rows.push([
        `${method} ${route.template}`,
        ...IDENTITIES.map((who) => expectation(route, rule, who)),
      ])
  const width = Math.max(...rows.map(([name = '']) => name.length))
  const line = ([name = '', ...cells]: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell) => cell.padEnd(4))].join('  ').trimEnd()
  return [line(['', ...IDENTITIES]), ...rows.map(line), ''].join('\n')
}
