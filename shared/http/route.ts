const KINDS = ['none', 'R', 'O', 'A', 'do', 'dx', 'rv', 'cl', 'to', 'sk', 'pm'] as const
export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Who may be named in the route table; infra/routes.yml explains each. */
export type RouteKind = (typeof KINDS)[number]

export type Method = (typeof METHODS)[number]

export interface RouteRule {
  /** Who is answered with 2xx. */
  readonly allow: readonly RouteKind[]
  /** Who is answered 403; everyone else gets 401. */
  readonly deny: readonly RouteKind[]
}

export interface Route {
  readonly template: string
  readonly function: string
  /** Noun of narrowed operator scopes, such as `operate:allowlist`. */
  readonly scope: string
  /** Name of the segment that must be the device's own id. */
  readonly self?: string
  readonly bodyBytes: number
  /** True where a body may come without being covered by the hop proof. */
  readonly unsignedBody: boolean
  readonly stream?: 'up' | 'down'
  readonly methods: Readonly<Partial<Record<Method, RouteRule>>>
}

export interface RouteMatch {
  readonly route: Route
  /** Segments as sent, not decoded; `*` is the rest. */
  readonly params: Readonly<Record<string, string>>
}

/** A route as the generated table writes it; `rules` such as `GET R, PATCH O, DELETE O | do dx`. */
export interface RouteRow {
  readonly path: string
  readonly to: string
  readonly rules: string
  readonly scope: string
  readonly self?: string
  readonly body: number
  readonly stream?: 'up' | 'down'
}

/** The largest body that an edge gathers and signs; HAProxy's buffer sets it. */
export const EDGE_BUFFER_BYTES = 16_384

/** Reads one row; throws at what names no method or kind. */
export function readRoute(row: RouteRow): Route {
  const methods: Partial<Record<Method, RouteRule>> = {}
  for (const part of row.rules.split(', ')) {
    const [name, ...words] = part.split(' ')
    const method = METHODS.find((known) => known === name)
    const [allow = [], deny = []] = words.join(' ').split('|').map(kindsOf)
    if (!method || allow.length === 0) throw new Error(`routes: ${row.path}: "${part}"`)
    methods[method] = { allow, deny }
  }
  return {
    template: row.path,
    function: row.to,
    scope: row.scope,
    ...(row.self && { self: row.self }),
    bodyBytes: row.body,
    unsignedBody: row.body > EDGE_BUFFER_BYTES && Object.keys(methods).some((m) => m !== 'GET'),
    ...(row.stream && { stream: row.stream }),
    methods,
  }
}

function kindsOf(text: string): RouteKind[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const kind = KINDS.find((known) => known === word)
      if (!kind) throw new Error(`routes: "${word}" is not one of ${KINDS.join(' ')}`)
      return kind
    })
}

/** Finds the most specific route of a path as sent, without its query. */
export type Router = (path: string) => RouteMatch | undefined

interface Node {
  readonly literals: Map<string, Node>
  param?: Node
  rest?: Route
  route?: Route
}

/** Builds a tree of segments: a literal wins over a {name}, a {name} over the rest. */
export function createRouter(routes: readonly Route[]): Router {
  const root: Node = { literals: new Map() }
  for (const route of routes) insert(root, route)
  return (path) => {
    if (!path.startsWith('/')) return undefined
    const segments = path.slice(1).split('/')
    const route = find(root, segments, 0)
    return route && { route, params: paramsOf(route, segments) }
  }
}

/** The rule of a method; HEAD is asked as GET. */
export function ruleOf(route: Route, method: string): RouteRule | undefined {
  const name = method === 'HEAD' ? 'GET' : method
  return Object.entries(route.methods).find(([known]) => known === name)?.[1]
}

function insert(root: Node, route: Route): void {
  let node = root
  for (const segment of route.template.slice(1).split('/')) {
    if (segment === '*') {
      node.rest = route
      return
    }
    node = segment.startsWith('{') ? (node.param ??= newNode()) : literal(node, segment)
  }
  node.route = route
}

function newNode(): Node {
  return { literals: new Map() }
}

function literal(node: Node, segment: string): Node {
  const known = node.literals.get(segment)
  if (known) return known
  const made = newNode()
  node.literals.set(segment, made)
  return made
}

// Goes back only from a literal to the {name} beside it: at most as often as templates share a beginning.
function find(node: Node, segments: readonly string[], at: number): Route | undefined {
  const segment = segments[at]
  if (segment === undefined) return node.route
  const next = node.literals.get(segment)
  const byLiteral = next && find(next, segments, at + 1)
  if (byLiteral) return byLiteral
  const byParam = segment !== '' && node.param ? find(node.param, segments, at + 1) : undefined
  if (byParam) return byParam
  const hasRest = segment !== '' || at + 1 < segments.length
  return hasRest ? node.rest : undefined
}

function paramsOf(route: Route, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {}
  for (const [index, part] of route.template.slice(1).split('/').entries()) {
    if (part === '*') params['*'] = segments.slice(index).join('/')
    else if (part.startsWith('{')) params[part.slice(1, -1)] = segments[index] ?? ''
  }
  return params
}
