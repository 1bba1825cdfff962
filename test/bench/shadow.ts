// S1, S2, S3: updates of shadows end to end, against the best that broker and database give on the same cores in the same run. S6:
// what is lost when all of it dies.
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { survival } from './crashes.ts'
import { buildLoadgen, runLoad, type Loaded } from './load.ts'
import { meterOf, treeMeterOf, untilIdle } from './meters.ts'
import { startNullBackend } from './null-backend.ts'
import { preparePgbench, type Pgbench } from './pgbench.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'
import { startShadowStack, type ShadowStack } from './shadow-stack.ts'

const ROUNDS = 3
const SECONDS = 4
const FLEETS = [100, 1000, 5000] as const
const MANY = 5000
const PASSING = 200

interface Bench {
  readonly program: string
  readonly stack: ShadowStack
  /** A broker apart, where nobody of Muster listens. */
  readonly plain: Mosquitto
  readonly pgbench: Pgbench
  readonly seconds: number
}

/** One figure of one round; by its name the same of others are found. */
type Measured = Pick<Loaded, 'rate' | 'cpu'> & Partial<Loaded>
type Round = Map<string, Measured>

const muster = (devices: number): string => `Muster, ${devices} devices`
const NULL = 'null backend, 1000 devices'
const PGBENCH = 'pgbench, 32 clients'
const PASS = 'Mosquitto, passed through'

async function measureNull({ program, plain, seconds }: Bench): Promise<Measured> {
  await using backend = await startNullBackend(program, plain)
  const meters = { broker: meterOf(plain.pid), backend: meterOf(backend.pid) }
  const load = { mode: 'shadow', port: plain.port, devices: 1000, seconds } as const
  return await runLoad(program, load, meters)
}

function measureMuster({ program, stack, seconds }: Bench, devices: number): Promise<Measured> {
  const load = { mode: 'shadow', port: stack.broker.port, devices, seconds } as const
  return runLoad(program, load, stack.meters)
}

function measurePass({ program, plain, seconds }: Bench): Promise<Measured> {
  const load = { mode: 'pass', port: plain.port, devices: PASSING, seconds } as const
  return runLoad(program, load, { broker: meterOf(plain.pid) })
}

function described(name: string, { rate, p50, p99, cpu }: Measured): string {
  const waited = p99 ? `, p50 ${p50?.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms` : ''
  const used = Object.entries(cpu).map(([part, seconds]) => `${part} ${seconds.toFixed(2)}`)
  return `${name}: ${Math.round(rate)}/s${waited}; CPU s: ${used.join(', ')}`
}

/** All figures of one round; every other one goes backwards, so that none is always first. */
async function measureRound(bench: Bench, number: number): Promise<Round> {
  const { pgbench, stack, seconds } = bench
  const steps: [string, () => Promise<Measured>][] = [
    [NULL, () => measureNull(bench)],
    ...FLEETS.map((devices): [string, () => Promise<Measured>] => [
      muster(devices),
      () => measureMuster(bench, devices),
    ]),
    [PGBENCH, () => pgbench.run(seconds, { PostgreSQL: treeMeterOf(stack.cluster.pid) })],
    [PASS, () => measurePass(bench)],
  ]
  const round: Round = new Map()
  for (const [name, measure] of number % 2 === 1 ? steps : steps.toReversed()) {
    await untilIdle(stack.meters)
    const measured = await measure()
    round.set(name, measured)
    say(`round ${number}: ${described(name, measured)}`)
  }
  return round
}

const rateOf = (round: Round, name: string): number => round.get(name)?.rate ?? Number.NaN

/** The run of this name whose rate is the median of all rounds (of two, the lower one). */
function typical(rounds: readonly Round[], name: string): string {
  const runs = rounds.flatMap((round) => round.get(name) ?? []).toSorted((a, b) => a.rate - b.rate)
  const middle = runs[Math.floor((runs.length - 1) / 2)]
  return middle ? described(name, middle) : ''
}

type Judged = Pick<Goal, 'goal' | 'what' | 'floor' | 'target'> & { readonly of: string[] }

function ratio(
  rounds: readonly Round[],
  { of, ...judged }: Judged,
  value: (round: Round) => number,
): Goal {
  const samples = rounds.map(value)
  const notes = of.map((name) => typical(rounds, name)).join('. ')
  return { ...judged, value: median(samples), samples, unit: 'ratio', better: 'higher', notes }
}

function goalsOf(rounds: readonly Round[]): Goal[] {
  const [few, usual, many] = FLEETS.map(muster)
  if (few === undefined || usual === undefined || many === undefined) return []
  return [
    ratio(
      rounds,
      {
        goal: 'S1',
        what: 'updates/s at 1,000 devices / null backend',
        floor: 0.4,
        target: 0.6,
        of: [usual, NULL, PASS],
      },
      (round) => rateOf(round, usual) / rateOf(round, NULL),
    ),
    ratio(
      rounds,
      {
        goal: 'S2',
        what: 'updates/s at 1,000 devices / commits of pgbench',
        floor: 0.5,
        target: 0.75,
        of: [PGBENCH],
      },
      (round) => rateOf(round, usual) / rateOf(round, PGBENCH),
    ),
    ratio(
      rounds,
      {
        goal: 'S3',
        what: 'updates/s at 100 and at 5,000 devices, the lower / at 1,000',
        floor: 0.7,
        target: 0.85,
        of: [few, many],
      },
      (round) => Math.min(rateOf(round, few), rateOf(round, many)) / rateOf(round, usual),
    ),
  ]
}

async function throughput(): Promise<Goal[]> {
  const program = buildLoadgen()
  await using stack = await startShadowStack()
  await using plain = await startMosquitto()
  await using pgbench = await preparePgbench(stack.cluster)
  const bench: Bench = { program, stack, plain, pgbench, seconds: benchSetting('SECONDS', SECONDS) }
  // Shadows come into being and code is compiled before anything counts.
  await measureMuster(bench, MANY)
  const rounds: Round[] = []
  for (let number = 1; number <= benchSetting('ROUNDS', ROUNDS); number++)
    rounds.push(await measureRound(bench, number))
  return goalsOf(rounds)
}

export async function goals(): Promise<Goal[]> {
  return [...(await throughput()), await survival()]
}
