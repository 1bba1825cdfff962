// Stands in for an OpenTelemetry collector: takes OTLP over HTTP as JSON, strictly, and keeps the spans. Loopback only.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import * as z from 'zod'

const Nanoseconds = z.string().regex(/^[1-9]\d{18}$/)
const Attribute = z.strictObject({
  key: z.string().min(1),
  value: z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
    z.strictObject({ doubleValue: z.number() }),
  ]),
})
const WireSpan = z.strictObject({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  name: z.string().min(1),
  kind: z.union([z.literal(2), z.literal(3)]),
  startTimeUnixNano: Nanoseconds,
  endTimeUnixNano: Nanoseconds,
  attributes: z.array(Attribute),
  status: z.strictObject({ code: z.literal(2) }).optional(),
})
const Exported = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes: z.array(Attribute) }),
        scopeSpans: z.array(
          z.strictObject({
            scope: z.strictObject({ name: z.literal('muster') }),
            spans: z.array(WireSpan).min(1),
          }),
        ),
      }),
    )
    .min(1),
})

export interface CollectedSpan extends Omit<z.infer<typeof WireSpan>, 'attributes'> {
  readonly part: string
  readonly attributes: Readonly<Record<string, string | number>>
}

export interface Collector extends AsyncDisposable {
  readonly url: string
  readonly spans: CollectedSpan[]
  /** What was sent that OTLP does not allow. */
  readonly faults: unknown[]
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const faults: unknown[] = []
  const server = createServer((request, response) => {
    read(request).then(
      (taken) => {
        spans.push(...taken)
        return response.setHeader('content-type', 'application/json').end('{"partialSuccess":{}}')
      },
      (error: unknown) => {
        faults.push(error)
        return response.writeHead(400).end()
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `http://127.0.0.1:${address.port}`,
    spans,
    faults,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function read(request: IncomingMessage): Promise<CollectedSpan[]> {
  assert.equal(`${request.method} ${request.url}`, 'POST /v1/traces')
  assert.equal(request.headers['content-type'], 'application/json')
  assert.equal(request.headers['traceparent'], undefined)
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const { resourceSpans } = Exported.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const part = String(plain(resource.attributes)['service.name'])
    const own = scopeSpans.flatMap(({ spans }) => spans)
    return own.map((span) => Object.assign(span, { part, attributes: plain(span.attributes) }))
  })
}

function plain(attributes: readonly z.infer<typeof Attribute>[]): Record<string, string | number> {
  const entries = attributes.map(({ key, value }) => {
    if ('stringValue' in value) return [key, value.stringValue] as const
    return [key, 'intValue' in value ? Number(value.intValue) : value.doubleValue] as const
  })
  return Object.fromEntries(entries)
}
