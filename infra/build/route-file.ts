import { parse } from 'yaml'
import * as z from 'zod'
import { METHODS, type RouteRow } from '../../shared/http/route.ts'

const DEFAULT_BODY_BYTES = 65_536
const UNITS = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
])

const Rule = z.string().optional()
const Entry = z.strictObject({
  GET: Rule,
  POST: Rule,
  PUT: Rule,
  PATCH: Rule,
  DELETE: Rule,
  self: z.string().optional(),
  scope: z.string().optional(),
  body: z.string().transform(readBytes).optional(),
  stream: z.enum(['up', 'down']).optional(),
})
const RouteFile = z.record(z.string(), z.record(z.string().regex(/^\//), Entry))

/** Reads infra/routes.yml: rows from the most specific to the least, refused when two would match the same. */
export function readRouteFile(text: string): RouteRow[] {
  const rows: RouteRow[] = []
  for (const [name, paths] of Object.entries(RouteFile.parse(parse(text))))
    for (const [path, entry] of Object.entries(paths)) rows.push(toRow(name, path, entry))
  const seen = new Map<string, string>()
  for (const { path } of rows) {
    const shape = path.replace(/\{[^}]+\}/g, '{}')
    const other = seen.get(shape)
    if (other) throw new Error(`routes: ${path} and ${other} match the same paths`)
    seen.set(shape, path)
  }
  return rows.toSorted((a, b) => (sortKey(a.path) < sortKey(b.path) ? -1 : 1))
}

function toRow(name: string, path: string, entry: z.infer<typeof Entry>): RouteRow {
  const { self, scope, body = DEFAULT_BODY_BYTES, stream } = entry
  const rules = METHODS.flatMap((method) => (entry[method] ? [`${method} ${entry[method]}`] : []))
  if (rules.length === 0) throw new Error(`routes: ${path} has no method`)
  if (self && !path.includes(`{${self}}`)) throw new Error(`routes: ${path} has no {${self}}`)
  return {
    path,
    to: name,
    rules: rules.join(', '),
    scope: scope ?? path.split('/')[3] ?? name,
    ...(self && { self }),
    body,
    ...(stream && { stream }),
  }
}

function readBytes(text: string): number {
  const [, count, unit = ''] = /^(\d+) (\w+)$/.exec(text) ?? []
  const factor = UNITS.get(unit)
  if (!count || !factor) throw new Error(`routes: "${text}" is no size`)
  return Number(count) * factor
}

// Literal before {name} before *, segment by segment: the order in which one would read the table.
function sortKey(path: string): string {
  return path.replace(/\{[^}]+\}/g, '~').replace('*', '~~')
}
