/** One function and one limit of bodies: what the edge needs to know of a path. */
export interface RouteClass {
  readonly function: string
  /** The largest body that passes. */
  readonly bodyBytes: number
  /** Whole paths of this class, as a regular expression that POSIX and PCRE read alike. */
  readonly pattern: string
}

interface Node {
  readonly next: Map<string, Node>
  ends: boolean
}

/** A regular expression that matches exactly the paths of these templates. */
export function patternOf(templates: readonly string[]): string {
  const root = newNode()
  for (const template of templates) {
    let node = root
    for (const segment of template.slice(1).split('/')) node = step(node, expression(segment))
    node.ends = true
  }
  return `^${write(root)}$`
}

function newNode(): Node {
  return { next: new Map(), ends: false }
}

function step(node: Node, segment: string): Node {
  const known = node.next.get(segment)
  if (known) return known
  const made = newNode()
  node.next.set(segment, made)
  return made
}

function expression(segment: string): string {
  if (segment === '*') return '.+'
  return segment.startsWith('{') ? '[^/]+' : segment.replace(/[.+?()[\]{}|\\^$]/g, '\\$&')
}

function write({ next, ends }: Node): string {
  const branches = [...next].map(([segment, node]) => `/${segment}${write(node)}`)
  if (branches.length === 0) return ''
  if (ends) return `(${branches.join('|')})?`
  return branches.length === 1 ? branches.join('') : `(${branches.join('|')})`
}
