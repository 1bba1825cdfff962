import { createHash } from 'node:crypto'
import * as z from 'zod'
import { DomainError } from '../errors.ts'

export const PAGE_DEFAULT = 50
export const PAGE_MAX = 1000

/** The parameters of every list; what else it takes is added with `.extend`. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
  cursor: z.string().max(2048).optional(),
})

/** Where the next page goes on. */
export interface Cursor {
  /** Sort values and id of the last item of the page before. */
  readonly after: readonly (string | null)[]
  /** When page 1 was asked: relative times of a query mean the same on every page. */
  readonly at: Date
}

const Content = z.strictObject({
  a: z.array(z.string().nullable()).min(1).max(4),
  t: z.number().int().min(0).max(8.64e15),
  b: z.string(),
})

// The list, its query and sort: a cursor of another list is refused, instead of skipping what that one would show.
const bindingHash = (binding: readonly string[]): string =>
  createHash('sha256').update(binding.join('\n')).digest('base64url').slice(0, 12)

/** Text of a cursor, bound to its list, query and sort. */
export function writeCursor(cursor: Cursor, binding: readonly string[]): string {
  const content = { a: cursor.after, t: cursor.at.getTime(), b: bindingHash(binding) }
  return Buffer.from(JSON.stringify(content)).toString('base64url')
}

/** Reads a cursor back. Throws page.cursor_invalid. */
export function readCursor(
  text: string | undefined,
  binding: readonly string[],
): Cursor | undefined {
  if (text === undefined) return undefined
  const content = Content.safeParse(parse(text))
  if (!content.success || content.data.b !== bindingHash(binding)) {
    throw new DomainError('page.cursor_invalid')
  }
  return { after: content.data.a, at: new Date(content.data.t) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

export interface Page<T> {
  readonly items: T[]
  readonly next: string | null
}

/** A page out of `limit + 1` rows: the one too many only says that there is more. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (last: T) => string,
): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? cursorOf(last) : null }
}

/** The Link header (RFC 8288) of a page; empty on the last one. */
export function linkHeader(target: string, next: string | null): Record<string, string> {
  if (next === null) return {}
  const [path = '', query = ''] = target.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', next)
  return { link: `<${path}?${parameters.toString()}>; rel="next"` }
}
