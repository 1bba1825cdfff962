import { grouped } from './text.ts'

const CELLS = 20
const TENTH = 10
const REDRAW_MS = 100

export interface ProgressTarget {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export interface Progress {
  set(done: number): void
  /** Ends the line. */
  end(): void
}

function bar(share: number): string {
  const full = Math.floor(share * CELLS)
  return '█'.repeat(full) + '░'.repeat(CELLS - full)
}

/** Progress on stderr: a bar on a terminal, else a line each 10 %. */
export function startProgress(target: ProgressTarget, label: string, total: number): Progress {
  let done = 0
  let tenth = -1
  let drawnAt = 0
  const share = (): number => (total === 0 ? 1 : Math.min(1, done / total))
  const line = (): string =>
    `${label} ${Math.floor(share() * 100)} %  ${grouped(done)}/${grouped(total)}`
  const draw = (): void => {
    drawnAt = performance.now()
    target.write(`\r\u001b[K${label} ${bar(share())} ${grouped(done)}/${grouped(total)}`)
  }
  return {
    set: (count) => {
      done = count
      if (target.isTTY) {
        if (performance.now() - drawnAt > REDRAW_MS || done >= total) draw()
        return
      }
      const reached = Math.floor(share() * TENTH)
      if (reached > tenth) target.write(`${line()}\n`)
      tenth = Math.max(tenth, reached)
    },
    end: () => {
      if (target.isTTY) target.write('\n')
    },
  }
}
