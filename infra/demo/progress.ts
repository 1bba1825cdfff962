const CELLS = 5
const LABEL = 10
const COUNT = 9

export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** A line of the demo: on a terminal it is drawn anew as it goes on, else printed once it is done. */
export interface Step {
  set(done: number): void
  end(text: string): void
}

function bar(done: number, total: number): string {
  const full = total === 0 ? CELLS : Math.floor((done / total) * CELLS)
  return '█'.repeat(full) + '░'.repeat(CELLS - full)
}

export function startStep(out: Output, label: string, total: number): Step {
  const started = performance.now()
  let done = 0
  const line = (text: string) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    const count = `${done}/${total}`.padEnd(COUNT)
    return `${label.padEnd(LABEL)}${bar(done, total)} ${count}${text.padEnd(42)}${seconds} s`
  }
  return {
    set: (count) => {
      done = count
      if (out.isTTY === true) out.write(`\r\u001b[K${line('')}`)
    },
    end: (text) => {
      out.write(out.isTTY === true ? `\r\u001b[K${line(text)}\n` : `${line(text)}\n`)
    },
  }
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const [first = []] = rows
  const widths = first.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}
