import { cpus, totalmem } from 'node:os'

/** One figure against its floor and goal; `better` says which way is good. */
export interface Goal {
  readonly goal: string
  readonly what: string
  readonly value: number
  readonly floor: number
  readonly target: number
  readonly unit: 'ratio' | 's' | 'ms' | 'MiB' | 'MB' | 'lost'
  readonly better: 'higher' | 'lower'
  /** What the value is the median of. */
  readonly samples?: readonly number[]
  /** Further figures of the run: rates, CPU seconds per process. */
  readonly notes?: string
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

function verdict({ value, floor, target, better }: Goal): string {
  const reaches = (bound: number) => (better === 'higher' ? value >= bound : value <= bound)
  return reaches(target) ? 'goal' : reaches(floor) ? 'floor' : '**below floor**'
}

const round = (value: number): string =>
  String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))

function spread(samples: readonly number[] | undefined): string {
  if (samples === undefined || samples.length < 2) return ''
  return `${round(Math.min(...samples))} to ${round(Math.max(...samples))} (${samples.length})`
}

function machine(): string {
  const [first] = cpus()
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, ${gib} GiB, ${process.platform}, Node ${process.version}`
}

/** A Markdown table for people on standard error; with `--json` one line a goal on standard output. */
export function report(name: string, goals: readonly Goal[], json: boolean): void {
  const lines = goals.map((goal) => {
    const { what, unit, floor, target } = goal
    const cells = [goal.goal, what, `${round(goal.value)} ${unit}`, spread(goal.samples)]
    return [...cells, String(floor), String(target), verdict(goal), goal.notes ?? '']
  })
  const head = ['goal', 'what', 'median', 'spread (runs)', 'floor', 'target', 'reached', 'notes']
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  process.stderr.write(`\n### ${name}\n\n${machine()}\n\n${table.join('\n')}\n`)
  if (!json) return
  for (const { goal, value, floor, target, unit, better } of goals) {
    process.stdout.write(`${JSON.stringify({ goal, value, floor, target, unit, better })}\n`)
  }
}
