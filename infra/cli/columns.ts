import type { Item } from './api/client.ts'
import type { Session } from './session.ts'
import { relative } from './terminal/moment.ts'
import { bytes, grouped } from './terminal/text.ts'

/** A column of a list: its head, and where the value lies in an item. */
export interface Column {
  readonly head: string
  /** A member, `a.b` for one inside, or a function. */
  readonly from: string | ((item: Item) => unknown)
  readonly kind?: 'time' | 'state' | 'flag' | 'bytes' | 'count'
  /** Only with -o wide and csv. */
  readonly wide?: true
}

const isItem = (value: unknown): value is Item => typeof value === 'object' && value !== null

/** A member of an item by its path. */
export function member(item: Item, path: string): unknown {
  let value: unknown = item
  for (const name of path.split('.')) value = isItem(value) ? value[name] : undefined
  return value
}

export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join(' ')
  return JSON.stringify(value)
}

const valueOf = ({ from }: Column, item: Item): unknown =>
  typeof from === 'string' ? member(item, from) : from(item)

/** The cell as a program reads it. */
export function rawCell(column: Column, item: Item): string {
  return textOf(valueOf(column, item))
}

/** The cell as people read it; on a terminal times are relative and counts grouped. */
export function shownCell(column: Column, item: Item, session: Session): string {
  const value = valueOf(column, item)
  const text = textOf(value)
  if (column.kind === 'flag') return value === true ? 'yes' : 'no'
  if (!session.out.isTTY || text === '') return text
  if (column.kind === 'time') return relative(text, session.now())
  if (column.kind === 'bytes') return bytes(Number(text))
  return column.kind === 'count' ? grouped(text) : text
}
