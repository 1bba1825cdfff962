// L1 and further figures of the platform, one function each; those of other parts of it stand in files of their own and are added to `goals`.
import { goals as cellsGoals } from './cells.ts'
import { goals as edgeGoals } from './edge.ts'
import { goals as imageGoals } from './images.ts'
import { buildLoadgen, runLoad } from './load.ts'
import { startFaasStack, startInProcessStack, type PathStack } from './platform-stack.ts'
import { untilIdle } from './meters.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 3
const SECONDS = 4
const DEVICES = 1000

async function rateOf(program: string, stack: PathStack, seconds: number): Promise<number> {
  await untilIdle(stack.meters)
  const load = { mode: 'shadow', port: stack.broker.port, devices: DEVICES, seconds } as const
  const { rate, cpu } = await runLoad(program, load, stack.meters)
  const used = Object.entries(cpu).map(([part, each]) => `${part} ${each.toFixed(2)}`)
  say(`${stack.name}: ${Math.round(rate)}/s; CPU s: ${used.join(', ')}`)
  return rate
}

/** L1: updates/s through watchdog and gateway stand-ins, against all functions in one process behind the local gateway. */
export async function shadowPathCost(): Promise<Goal> {
  const program = buildLoadgen()
  const seconds = benchSetting('SECONDS', SECONDS)
  await using faas = await startFaasStack()
  await using inProcess = await startInProcessStack()
  for (const stack of [faas, inProcess]) await rateOf(program, stack, seconds) // compiled, shadows made
  const rounds: { faas: number; inProcess: number }[] = []
  for (let round = 1; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    const rates = { faas: 0, inProcess: 0 }
    // Every other one goes first.
    const order =
      round % 2 === 1 ? (['faas', 'inProcess'] as const) : (['inProcess', 'faas'] as const)
    for (const each of order)
      rates[each] = await rateOf(program, each === 'faas' ? faas : inProcess, seconds)
    rounds.push(rates)
  }
  const samples = rounds.map((each) => each.faas / each.inProcess)
  const typical = (name: 'faas' | 'inProcess') =>
    Math.round(median(rounds.map((each) => each[name])))
  return {
    goal: 'L1',
    what: 'updates/s through watchdog and gateway stand-ins / in one process, 1,000 devices',
    value: median(samples),
    samples,
    floor: 0.9,
    target: 0.97,
    unit: 'ratio',
    better: 'higher',
    notes: `${typical('faas')}/s against ${typical('inProcess')}/s, two replicas each`,
  }
}

export async function goals(): Promise<Goal[]> {
  return [
    await shadowPathCost(),
    ...(await cellsGoals()),
    ...(await edgeGoals()),
    ...(await imageGoals()),
  ]
}
