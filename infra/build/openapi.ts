// Writes docs/openapi.json: the OpenAPI documents of all functions in one, from the schemas that validate their requests.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { matchRoute } from '../../shared/http/match-route.ts'
import { ruleOf } from '../../shared/http/route.ts'

type Member = Record<string, unknown>
interface Document {
  readonly paths?: Record<string, Record<string, Member>>
  readonly components?: { readonly schemas?: Record<string, unknown> }
}
interface Described {
  getOpenAPI31Document(config: object): object
}

const ROOT = path.resolve(import.meta.dirname, '../..')
export const OPENAPI_FILE = path.join(ROOT, 'docs/openapi.json')
/** Functions with a part of the JSON API. */
const FUNCTIONS = [
  'enroll',
  'register',
  'admin',
  'shadow-update',
  'compute-delta',
  'ota',
  'console',
]

const info = () => {
  const { version }: { version: string } = JSON.parse(
    readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  )
  return {
    title: 'Muster',
    version,
    description:
      'Devices, their identity, state and firmware. Refusals are RFC 9457 problem documents; their codes stand at /errors/{code}.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  }
}

function isDescribed(app: unknown): app is Described {
  return typeof app === 'object' && app !== null && 'getOpenAPI31Document' in app
}

async function documentOf(name: string): Promise<Document> {
  const loaded: Member = await import(`../../functions/${name}/handler.ts`)
  const { app } = loaded
  if (!isDescribed(app)) return {}
  return app.getOpenAPI31Document({ openapi: '3.1.0', info: info() })
}

const LEVELS = { R: 'read', O: 'operate', A: 'admin', pm: 'metrics' } as const

// Who may ask is the route table's to say, so the document says it from there.
function withScope(template: string, method: string, operation: Member): Member {
  const route = matchRoute(template)?.route
  const rule = route && ruleOf(route, method.toUpperCase())
  if (route === undefined || rule === undefined) {
    throw new Error(`openapi: ${method} ${template} is not in infra/routes.yml`)
  }
  const scopes = Object.entries(LEVELS)
    .filter(([kind]) => rule.allow.some((allowed) => allowed === kind))
    .map(([, level]) => (level === 'metrics' ? level : `${level}:${route.scope}`))
  const open = rule.allow.includes('none')
  return { ...operation, tags: [route.scope], security: open ? [] : [{ token: scopes }] }
}

function merge(documents: readonly Document[]): object {
  const paths: Record<string, Record<string, Member>> = {}
  const schemas: Record<string, unknown> = {}
  for (const document of documents) {
    for (const [template, operations] of Object.entries(document.paths ?? {})) {
      const entries = Object.entries(operations).map(
        ([method, operation]) => [method, withScope(template, method, operation)] as const,
      )
      paths[template] = { ...paths[template], ...Object.fromEntries(entries) }
    }
    for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
      const known = schemas[name]
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
        throw new Error(`openapi: two schemas are named ${name}`)
      }
      schemas[name] = schema
    }
  }
  return {
    paths: sorted(paths),
    components: { schemas: sorted(schemas), securitySchemes: SCHEMES },
  }
}

const SCHEMES = {
  token: {
    type: 'http',
    scheme: 'bearer',
    description: "An operator's token, or a JWT of the configured issuer",
  },
  device: { type: 'mutualTLS', description: "A device's certificate" },
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The document as it is committed. */
export async function openapiText(): Promise<string> {
  const documents = await Promise.all(FUNCTIONS.map(documentOf))
  const document = { openapi: '3.1.0', info: info(), servers: [{ url: '/' }], ...merge(documents) }
  return `${JSON.stringify(document, null, 1)}\n`
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, await openapiText())
