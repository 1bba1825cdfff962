// npm run bench -- NAME [--json]: start, fleet, shadow, edge, platform or traces. On an otherwise quiet machine; a goal that is not reached is
// printed as it is. Each takes its baselines in the same run.
import { report, type Goal } from './report.ts'

const BENCHMARKS: Record<string, () => Promise<{ goals: () => Promise<Goal[]> }>> = {
  start: () => import('./start.ts'),
  fleet: () => import('./fleet.ts'),
  shadow: () => import('./shadow.ts'),
  edge: () => import('./edge.ts'),
  platform: () => import('./platform.ts'),
  traces: () => import('./traces.ts'),
}

const words = process.argv.slice(2)
const json = words.includes('--json')
const name = words.find((word) => !word.startsWith('--')) ?? ''
const load = BENCHMARKS[name]
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--json]\n`)
  process.exitCode = 2
} else {
  const { goals } = await load()
  report(name, await goals(), json)
}
