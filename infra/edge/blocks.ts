import { DomainError, type ErrorCode } from '../../shared/errors.ts'
import { problem } from '../../shared/http/problem.ts'
import { EDGE_BUFFER_BYTES, type Route } from '../../shared/http/route.ts'
import { patternOf, type RouteClass } from './route-pattern.ts'

/** What stands between `# >>> name` and `# <<< name` in haproxy.cfg, by name. */
export type Blocks = Readonly<Record<string, readonly string[]>>

// Asked most, looked for first.
const FIRST = ['shadow-update', 'enroll', 'est', 'ota']

/** Paths by function and limit. */
export function routeClasses(routes: readonly Route[]): RouteClass[] {
  const groups = Map.groupBy(routes, (route) => `${route.function} ${limitOf(route)}`)
  const classes = [...groups.values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const pattern = patternOf(group.map(({ template }) => template))
    return [{ function: first.function, bodyBytes: limitOf(first), pattern }]
  })
  return classes.toSorted((a, b) => rank(a.function) - rank(b.function))
}

function rank(name: string): number {
  const at = FIRST.indexOf(name)
  return at < 0 ? FIRST.length : at
}

// What is longer than the edge's buffer is covered by no proof, and passes only where the route lets it.
function limitOf({ bodyBytes, unsignedBody }: Route): number {
  return unsignedBody ? bodyBytes : Math.min(bodyBytes, EDGE_BUFFER_BYTES)
}

/** Names of functions as HAProxy's environment spells them: `shadow-update` is SHADOW_UPDATE. */
export function variableOf(functionName: string): string {
  return functionName.toUpperCase().replaceAll('-', '_')
}

const REFUSALS = [
  'request.malformed',
  'route.not_found',
  'request.method_not_allowed',
  'request.too_large',
  'request.uri_too_long',
  'request.headers_too_large',
  'function.unavailable',
] as const satisfies readonly ErrorCode[]

const LIMIT = -1

/** Everything in haproxy.cfg that follows from the route table. */
export function blocksOf(routes: readonly Route[]): Blocks {
  const names = [...new Set(routes.map((route) => route.function))].toSorted()
  return {
    problems: problemLines(),
    routes: routeClasses(routes).map(routeLine),
    functions: names.flatMap(backendLines),
  }
}

// HAProxy's own 502 and 504 say the same as its 503.
const LIKE_503 = [502, 504]

function problemLines(): string[] {
  const texts = REFUSALS.map((code): [name: string, text: string] => [
    code.slice(code.indexOf('.') + 1),
    problemText(code),
  ])
  for (const status of LIKE_503) {
    const text = problemText('function.unavailable').replace('"status":503', `"status":${status}`)
    texts.push([`unavailable_${status}`, text])
  }
  return texts.map(([name, text]) => `    setenv PROBLEM_${variableOf(name)} '${text}'`)
}

function problemText(code: ErrorCode): string {
  const details = code === 'request.too_large' ? { limit_bytes: LIMIT } : {}
  const text = JSON.stringify(problem(new DomainError(code, details), '%[unique-id]'))
  return text.replace(String(LIMIT), '%[var(txn.limit)]')
}

function routeLine({ function: name, bodyBytes, pattern }: RouteClass): string {
  return `    http-request set-var(txn.r) str(${name}:${bodyBytes}) if !{ var(txn.r) -m found } { path -m reg '${pattern}' }`
}

function backendLines(name: string): string[] {
  const address = `"\${FUNCTION_${variableOf(name)}-127.0.0.1:3000}"`
  return [
    `backend f_${name} from function`,
    '    http-request set-uri /',
    '.if streq("${RESOLVER}",none)',
    `    server f1 ${address} maxconn "\${FUNCTION_CONNECTIONS}"`,
    '.else',
    `    server-template f 10 ${address} maxconn "\${FUNCTION_CONNECTIONS}" resolvers dns init-addr none`,
    '.endif',
  ]
}

/** The text with each block as it should be. Throws where text and blocks name different ones. */
export function fillBlocks(text: string, blocks: Blocks): string {
  const missing = new Set(Object.keys(blocks))
  const filled = text.replace(
    /( *# >>> ([a-z]+)[^\n]*\n)[^]*?( *# <<< \2\n)/g,
    (_all, head: string, name: string, foot: string) => {
      const lines = blocks[name]
      if (!lines) throw new Error(`haproxy.cfg: no block is called ${name}`)
      missing.delete(name)
      return `${head}${lines.map((line) => `${line}\n`).join('')}${foot}`
    },
  )
  if (missing.size > 0) throw new Error(`haproxy.cfg has no block ${[...missing].join(', ')}`)
  return filled
}
