import { padEnd, plain, truncate, width } from './text.ts'

const GAP = '  '
const LEAST = 8

export interface TableOptions {
  /** Cells of the terminal; absent: nothing is cut. */
  readonly cells?: number | undefined
  /** Colours a cell below the head; what it adds takes no room. */
  readonly paint?: (text: string, column: number) => string
}

/** Takes the room that lacks from the widest columns; a head is never cut, nor what names the row. */
function fit(widths: readonly number[], floors: readonly number[], cells: number): number[] {
  const fitted = [...widths]
  let over = fitted.reduce((sum, each) => sum + each, 0) + GAP.length * (fitted.length - 1) - cells
  const isSpare = (size: number, column: number): boolean =>
    size > Math.max(LEAST, floors[column] ?? 0)
  for (; over > 0; over--) {
    const widest = Math.max(0, ...fitted.filter(isSpare))
    const column = fitted.findIndex((size, index) => size === widest && isSpare(size, index))
    if (column < 0) break
    fitted[column] = widest - 1
  }
  return fitted
}

/** Rows below a head of upper-case names; columns as wide as their widest cell. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { cells, paint = (text) => text }: TableOptions = {},
): string {
  const all = [head, ...rows].map((row) => row.map(plain))
  const natural = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))))
  const floor = (text: string, column: number): number =>
    column === 0 ? (natural[0] ?? 0) : width(text)
  const widths = cells === undefined ? natural : fit(natural, head.map(floor), cells)
  const lines = all.map((row, index) => {
    const cut = widths.map((size, column) => truncate(row[column] ?? '', size))
    const last = cut.findLastIndex((text) => text !== '')
    const shown = cut.slice(0, last + 1).map((text, column) => {
      const blanks = column === last ? '' : padEnd('', (widths[column] ?? 0) - width(text))
      return `${index === 0 ? text : paint(text, column)}${blanks}`
    })
    return shown.join(GAP)
  })
  return `${lines.join('\n')}\n`
}
