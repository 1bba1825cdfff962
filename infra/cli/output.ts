import type { Item, Page } from './api/client.ts'
import { rawCell, shownCell, type Column } from './columns.ts'
import type { Session } from './session.ts'
import { colorState } from './terminal/color.ts'
import { csvRow } from './terminal/csv.ts'
import { details } from './terminal/details.ts'
import { table } from './terminal/table.ts'

export interface ListShape {
  readonly columns: readonly Column[]
  /** What `-o id` prints, and what the other verbs take. */
  id(item: Item): string
}

/** Prints pages as they come. */
export interface ListPrinter {
  page(page: Page): void
  end(last: Page | undefined): void
}

const json = (value: unknown): string => JSON.stringify(value)

function tablePrinter(session: Session, shape: ListShape): ListPrinter {
  const columns = shape.columns.filter(({ wide }) => session.format === 'wide' || !wide)
  const head = columns.map((column) => column.head)
  const cells =
    session.out.isTTY && session.format === 'table' ? session.out.columns || undefined : undefined
  const paint = (text: string, column: number): string =>
    columns[column]?.kind === 'state' ? colorState(text, session.out) : text
  let pages = 0
  return {
    page: ({ items }) => {
      const rows = items.map((item) => columns.map((each) => shownCell(each, item, session)))
      const text = table(head, rows, { cells, paint })
      session.out.write(pages === 0 ? text : text.slice(text.indexOf('\n') + 1))
      pages += 1
    },
    end: (last) => {
      if (!last?.next || !session.err.isTTY) return
      session.err.write('more: --all, or --limit N\n')
    },
  }
}

// The page as the API gave it; several of them are one.
function jsonPrinter({ out }: Session): ListPrinter {
  let items = 0
  let held: Page | undefined
  const write = (each: Item): void => {
    out.write(`${items === 0 ? '{"items":[' : ',\n'}${json(each)}`)
    items += 1
  }
  return {
    page: (page) => {
      if (held) for (const each of held.items) write(each)
      held = page
    },
    end: () => {
      if (items === 0) {
        out.write(`${json(held ?? { items: [], next: null })}\n`)
        return
      }
      if (held) for (const each of held.items) write(each)
      out.write(`],"next":${json(held?.next ?? null)}}\n`)
    },
  }
}

function linePrinter(line: (item: Item) => string, { out }: Session, first = ''): ListPrinter {
  let pages = 0
  return {
    page: ({ items }) => {
      out.write((pages === 0 ? first : '') + items.map(line).join(''))
      pages += 1
    },
    end: () => undefined,
  }
}

export function listPrinter(session: Session, shape: ListShape): ListPrinter {
  switch (session.format) {
    case 'json':
      return jsonPrinter(session)
    case 'ndjson':
      return linePrinter((item) => `${json(item)}\n`, session)
    case 'csv': {
      const head = csvRow(shape.columns.map((column) => column.head.toLowerCase()))
      const row = (item: Item): string => csvRow(shape.columns.map((each) => rawCell(each, item)))
      return linePrinter(row, session, head)
    }
    case 'id':
      return linePrinter((item) => `${shape.id(item)}\n`, session)
    case 'table':
    case 'wide':
      return tablePrinter(session, shape)
  }
}

/** Prints items that are no list of the API. */
export function printItems(session: Session, shape: ListShape, items: readonly Item[]): void {
  const page = { items, next: null }
  const printer = listPrinter(session, shape)
  printer.page(page)
  printer.end(page)
}

// What has no columns of its own: a column for each member.
function everyMember(item: Item): ListShape {
  return { columns: Object.keys(item).map((name) => ({ head: name, from: name })), id: () => '' }
}

/** Prints one thing. */
export function printItem(session: Session, item: Item, shape?: ListShape): void {
  const { format, out } = session
  if (format === 'json' || format === 'ndjson') out.write(`${json(item)}\n`)
  else if (format === 'id' && shape) out.write(`${shape.id(item)}\n`)
  else if (format === 'csv') printItems(session, shape ?? everyMember(item), [item])
  else out.write(details(item))
}

/** A line for people; programs get the item that it is about. */
export function printDone(session: Session, line: string, item: Item, shape?: ListShape): void {
  const { format, out } = session
  if (format === 'table' || format === 'wide') out.write(`${line}\n`)
  else printItem(session, item, shape)
}
