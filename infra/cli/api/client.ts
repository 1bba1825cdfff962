import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, UnreachableError } from './problem.ts'
import type { Answer, Transport } from './transport.ts'

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }
export type Item = Readonly<Record<string, unknown>>

/** A parameter that is undefined is left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>

export interface Page {
  readonly items: readonly Item[]
  readonly next: string | null
  readonly [member: string]: unknown
}

export interface Got {
  readonly item: Item
  readonly etag: string | undefined
}

export interface Send {
  readonly body?: Json | undefined
  /** A body that is no JSON, with its type. */
  readonly raw?: { readonly type: string; readonly bytes: string | Buffer }
  readonly headers?: Readonly<Record<string, string>>
  readonly ifMatch?: string | undefined
  readonly parameters?: Parameters
}

const BASE = '/api/v1/'
const ATTEMPTS = 5
const WAIT_MAX_MS = 10_000

const isObject = (value: unknown): value is Item =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A path of segments, each percent-encoded: no id reaches another path. */
export function path(...segments: readonly string[]): string {
  return segments.map(encodeURIComponent).join('/')
}

function target(of: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value))
  }
  const text = query.toString()
  return `${of.startsWith('/') ? '' : BASE}${of}${text === '' ? '' : `?${text}`}`
}

async function textOf({ body }: Answer): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

// A number that JavaScript would round keeps its digits.
function exact(_key: string, value: unknown, ...[context]: { source?: string }[]): unknown {
  const rounded = typeof value === 'number' && !Number.isSafeInteger(value)
  const source = rounded ? context?.source : undefined
  return source === undefined || String(value) === source ? value : JSON.rawJSON(source)
}

/** An object as JSON, with all the digits of its numbers. */
export function parseItem(text: string): Item {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text, exact)
    return isObject(value) ? value : { value }
  } catch {
    return {}
  }
}

/** What may be sent again although it was perhaps done: reads, whole parts, and what carries a key. */
const REPEATABLE = new Set(['GET', 'PUT', 'POST'])

function isTransient(error: unknown, method: string): boolean {
  if (error instanceof UnreachableError) {
    const { cause } = error
    return (
      REPEATABLE.has(method) &&
      cause instanceof Error &&
      'code' in cause &&
      cause.code === 'ECONNRESET'
    )
  }
  if (!(error instanceof ApiError)) return false
  return error.status === 503 || error.status === 429 || error.code === 'idempotency.in_progress'
}

/** The management API of one server. */
export class Api {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async #once(
    method: string,
    of: string,
    send: Send,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const body =
      send.raw?.bytes ?? (send.body === undefined ? undefined : JSON.stringify(send.body))
    const answer = await this.#transport({
      method,
      target: target(of, send.parameters),
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': send.raw?.type ?? 'application/json' }),
        ...(send.ifMatch !== undefined && { 'if-match': send.ifMatch }),
        ...headers,
        ...send.headers,
      },
      body,
    })
    if (answer.status >= 200 && answer.status < 300) return answer
    const problem = parseItem(await textOf(answer))
    throw new ApiError(answer.status, { ...problem, retry_after: answer.headers['retry-after'] })
  }

  /** Again after a break or "come later"; a POST carries a key, so that its effect is once. */
  async send(method: string, of: string, send: Send = {}): Promise<Answer> {
    const headers: Record<string, string> =
      method === 'POST' ? { 'idempotency-key': randomUUID() } : {}
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, of, send, headers)
      } catch (error) {
        if (attempt >= ATTEMPTS || !isTransient(error, method)) throw error
        const after = error instanceof ApiError ? Number(error.problem['retry_after']) : Number.NaN
        const wait = Number.isFinite(after) ? after * 1000 : 200 * attempt
        await sleep(Math.min(wait, WAIT_MAX_MS))
      }
    }
  }

  async json(method: string, of: string, send: Send = {}): Promise<Item> {
    return parseItem(await textOf(await this.send(method, of, send)))
  }

  /** The body as it came. */
  async text(of: string, parameters: Parameters = {}): Promise<string> {
    return textOf(await this.send('GET', of, { parameters }))
  }

  async get(of: string, parameters: Parameters = {}): Promise<Got> {
    const answer = await this.send('GET', of, { parameters })
    return { item: parseItem(await textOf(answer)), etag: answer.headers.etag }
  }

  async page(of: string, parameters: Parameters = {}): Promise<Page> {
    const { item } = await this.get(of, parameters)
    const { items, next } = item
    return {
      ...item,
      items: Array.isArray(items) ? items.filter(isObject) : [],
      next: typeof next === 'string' ? next : null,
    }
  }

  post(of: string, body?: Json, send: Send = {}): Promise<Item> {
    return this.json('POST', of, { ...send, body })
  }

  /** RFC 7396. */
  patch(of: string, body: Json, ifMatch?: string): Promise<Item> {
    const raw = { type: 'application/merge-patch+json', bytes: JSON.stringify(body) }
    return this.json('PATCH', of, { raw, ifMatch })
  }

  async delete(of: string, ifMatch?: string): Promise<Item> {
    return this.json('DELETE', of, { ifMatch })
  }
}
