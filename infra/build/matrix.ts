import type { Route, RouteKind, RouteRule } from '../../shared/http/route.ts'

/** Who asks, in the columns of the matrix. */
export const IDENTITIES = ['none', 'R', 'O', 'A', 'pm', 'do', 'dx', 'su', 'rv', 'cl'] as const
export type MatrixIdentity = (typeof IDENTITIES)[number]

/**
 * `su` is a suspended device at its own path. What the table promises: `2xx` allowed, `401` or `403` refused, `ask` where the credential is in the
 * request itself and the function decides (tokens, shared keys).
 */
export type Expectation = '2xx' | '401' | '403' | 'ask'

const LEVELS = ['R', 'O', 'A'] as const

/**
 * The answer that one identity gets at one method of a route. Written from the words of infra/routes.yml, apart from
 * what functions run (shared/http/authorize.ts): the matrix test asks both.
 */
export function expectation(route: Route, rule: RouteRule, who: MatrixIdentity): Expectation {
  const allows = (kind: RouteKind) => rule.allow.includes(kind)
  if (allows('none')) return '2xx'
  if (who === 'none') return allows('to') || allows('sk') ? 'ask' : '401'
  if (who === 'pm') return allows('pm') ? '2xx' : operatorRefusal(rule)
  const level = LEVELS.findIndex((known) => known === who)
  if (level >= 0) {
    const needed = LEVELS.findIndex((known) => allows(known))
    return needed >= 0 && level >= needed ? '2xx' : operatorRefusal(rule)
  }
  return clientExpectation(rule, route.self === undefined && who === 'dx' ? 'do' : who)
}

// A suspended device is refused with its own 403 wherever an active one would pass.
function clientExpectation(rule: RouteRule, who: MatrixIdentity): Expectation {
  const allows = (kind: MatrixIdentity) => rule.allow.some((known) => known === kind)
  const denies = (kind: MatrixIdentity) => rule.deny.some((known) => known === kind)
  if (who === 'su') return allows('do') || denies('do') ? '403' : '401'
  if (allows(who)) return '2xx'
  return denies(who) ? '403' : '401'
}

// An operator is known, so a route of operators answers 403; elsewhere a token counts as nothing.
function operatorRefusal(rule: RouteRule): Expectation {
  return rule.allow.some((kind) => ['R', 'O', 'A', 'pm'].includes(kind)) ? '403' : '401'
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
