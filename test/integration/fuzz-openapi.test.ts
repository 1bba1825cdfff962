// Each operation of the API description gets requests made from its own schemas, most of them spoilt a little.
import { readFileSync } from 'node:fs'
import test, { after } from 'node:test'
import * as fc from 'fast-check'
import { judge, startAsking, type Sent } from '../support/asking.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly properties?: Record<string, Schema>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
}
interface Operation {
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> }
  readonly parameters?: readonly {
    readonly in: string
    readonly name: string
    readonly schema: Schema
  }[]
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, Schema> }
}

const document: Document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const asking = await startAsking()
after(() => asking[Symbol.asyncDispose]())

const NASTY = fc.constantFrom<unknown>(
  ...[
    '',
    ' ',
    '\0',
    '\ud800',
    '💩',
    '../..',
    "'; drop table devices; --",
    '%',
    '9'.repeat(40),
    '-0',
    'NaN',
    '1e400',
  ],
  ...[
    '2026-02-30T00:00:00Z',
    'infinity',
    '0001-01-01T00:00:00Z',
    '+275760-09-13T00:00:00Z',
    'x'.repeat(3000),
  ],
  ...[
    null,
    true,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    1e308,
    [],
    {},
    [[]],
    { a: null },
    ['\0'],
  ],
)
const QUERY = fc.constantFrom(
  ...[
    "status = 'active'",
    'firmware_ver < 2.5.0',
    "device_id like 'a%'",
    'not (connected)',
    'group = ops',
    '(',
  ],
  ...[
    "attribute.x = '\0'",
    'last_seen > now',
    `${'not '.repeat(500)}connected`,
    "hardware_rev in ('A', 'B')",
  ],
)

function valueOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  if (schema.$ref) {
    const named = document.components.schemas[schema.$ref.split('/').at(-1) ?? '']
    return named && depth < 6 ? valueOf(named, depth + 1) : fc.constant(null)
  }
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const choices = schema.oneOf ?? schema.anyOf
  if (choices) return fc.oneof(...choices.map((each) => valueOf(each, depth + 1)))
  if (schema.allOf) {
    return fc
      .tuple(...schema.allOf.map((each) => valueOf(each, depth + 1)))
      .map((parts) => Object.assign({}, ...parts))
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['null'])
  return fc.oneof(...types.map((type) => typed(type, schema, depth)))
}

function typed(type: string, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'object':
      return objectOf(schema, depth)
    case 'array':
      return fc.array(schema.items ? valueOf(schema.items, depth + 1) : fc.jsonValue(), {
        maxLength: 3,
      })
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? -5,
        max: Math.min(schema.maximum ?? 100, 2 ** 31 - 1),
      })
    case 'number':
      return fc.double({ min: schema.minimum ?? -5, max: schema.maximum ?? 1e6, noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'string':
      return textOf(schema)
    default:
      return fc.constant(null)
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, depth: number) {
  const named = Object.entries(properties).map(
    ([name, each]) => [name, valueOf(each, depth + 1)] as const,
  )
  const record = fc.record(Object.fromEntries(named), {
    requiredKeys: required.filter((name) => name in properties),
  })
  if (typeof additionalProperties !== 'object' || depth > 4) return record
  const more = fc.dictionary(
    fc.string({ maxLength: 8 }),
    valueOf(additionalProperties, depth + 1),
    { maxKeys: 3 },
  )
  return fc.tuple(more, record).map((parts) => Object.assign({}, ...parts))
}

function textOf({ format, pattern }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  if (format === 'uri') return fc.webUrl()
  const free = fc.oneof(
    QUERY,
    fc.string({ maxLength: 20 }),
    fc.string({ maxLength: 20, unit: 'binary' }),
  )
  if (!pattern) return free
  // Names: what the pattern means, for those that cannot be generated from it.
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
  try {
    return fc.oneof(fc.stringMatching(new RegExp(pattern)), name)
  } catch {
    return name
  }
}

// Puts something else at one place: a key more, a key less, another value.
function spoil(value: unknown, nasty: unknown, at: number): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? [nasty] : value.with(at % value.length, nasty)
  if (typeof value !== 'object' || value === null) return nasty
  const entries: [string, unknown][] = Object.entries(value)
  const index = at % (entries.length + 1)
  const [name, old] = entries[index] ?? ['more', undefined]
  const changed = old !== undefined && at % 3 === 0 ? spoil(old, nasty, at >> 2) : nasty
  return at % 7 === 0
    ? Object.fromEntries(entries.toSpliced(index, 1))
    : { ...value, [name]: changed }
}

const body = (schema: Schema) =>
  fc
    .tuple(valueOf(schema), NASTY, fc.nat(1000), fc.integer({ min: 0, max: 9 }))
    .map(([value, nasty, at, chance]) => (chance < 4 ? value : spoil(value, nasty, at)))

const text = (schema: Schema) =>
  fc.oneof(valueOf(schema), NASTY).map((value) => encodeURIComponent(wellFormed(value)))

function wellFormed(value: unknown): string {
  return (
    (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed().slice(0, 500) || '-'
  )
}

function requestOf(path: string, method: string, operation: Operation): fc.Arbitrary<Sent> {
  const parameters = (operation.parameters ?? []).filter((each) => each.in !== 'header')
  const values = fc.record(
    Object.fromEntries(parameters.map((each) => [each.name, text(each.schema)])),
  )
  const content = Object.entries(operation.requestBody?.content ?? {})[0]
  const json = content?.[0] === 'application/json'
  const payload = json
    ? body(content[1].schema).map((value) => JSON.stringify(value) ?? '')
    : fc.constant(undefined)
  return fc.tuple(values, payload, fc.nat(3)).map(([given, sent, some]) => {
    const query = parameters
      .filter((each, index) => each.in === 'query' && (index + some) % 3 === 0)
      .map((each) => `${each.name}=${given[each.name]}`)
    const target = path.replace(/\{(\w+)\}/g, (_, name: string) => given[name] ?? 'x')
    return {
      method: method.toUpperCase(),
      target: query.length > 0 ? `${target}?${query.join('&')}` : target,
      body: sent,
    }
  })
}

for (const [path, operations] of Object.entries(document.paths))
  for (const [method, operation] of Object.entries(operations))
    test(`fuzz/${method} ${path}`, { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(requestOf(path, method, operation), async (sent) => {
          judge(sent, await asking.ask(sent))
        }),
        { numRuns: operation.requestBody ? 60 : 20, endOnFailure: true },
      )
    })
