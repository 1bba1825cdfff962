/** A size of a run: MUSTER_BENCH_ROUNDS, _SECONDS, _CRASHES, where they are given. */
export function benchSetting(name: 'ROUNDS' | 'SECONDS' | 'CRASHES', fallback: number): number {
  const text = process.env[`MUSTER_BENCH_${name}`]
  if (text === undefined) return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`MUSTER_BENCH_${name}=${text} is not a positive integer`)
}

/** How far a long run is; figures of single runs, too. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
