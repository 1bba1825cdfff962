// L2: what several cells cost on one machine. L6: how long devices hear nothing when a part of the path dies.
import { setTimeout as sleep } from 'node:timers/promises'
import { startChaosFleet, type ChaosDevice, type ChaosFleet } from '../chaos/fleet.ts'
import { startFaas } from '../platform/faas/setting.ts'
import { cellAt, startCells } from '../support/cells.ts'
import { until } from '../support/until.ts'
import { startCellsStack, type CellsStack } from './cells-stack.ts'
import { buildLoadgen, runLoad } from './load.ts'
import { untilIdle } from './meters.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 3
const SECONDS = 4
const CELLS = 3
const CONNECTORS = 2
/** For each of three generators, whose devices share one broker or have one each. */
const DEVICES = 333

interface Measured {
  readonly several: number
  readonly one: number
}

async function rateOf(program: string, stack: CellsStack, seconds: number): Promise<number> {
  const { brokers, meters } = stack
  await untilIdle(meters)
  const runs = Array.from({ length: CELLS }, (_, at) => {
    const port = brokers[at % brokers.length]?.port ?? 0
    const load = {
      mode: 'shadow',
      port,
      devices: DEVICES,
      seconds,
      prefix: `bench-${at}-`,
    } as const
    return runLoad(program, load, at === 0 ? meters : {})
  })
  const loaded = await Promise.all(runs)
  const rate = loaded.reduce((sum, each) => sum + each.rate, 0)
  const used = Object.entries(loaded[0]?.cpu ?? {}).map(([part, s]) => `${part} ${s.toFixed(2)}`)
  say(`${brokers.length} cells: ${Math.round(rate)}/s; CPU s: ${used.join(', ')}`)
  return rate
}

/** L2: updates/s with three cells and two connectors, against one cell and one connector on the same cores. */
export async function cellsCost(): Promise<Goal> {
  const program = buildLoadgen()
  const seconds = benchSetting('SECONDS', SECONDS)
  await using several = await startCellsStack(CELLS, CONNECTORS)
  await using one = await startCellsStack(1, 1)
  for (const stack of [several, one]) await rateOf(program, stack, seconds) // compiled, shadows made
  const rounds: Measured[] = []
  for (let round = 1; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    // Every other one goes first.
    const early = round % 2 === 1 ? await rateOf(program, several, seconds) : 0
    const of = await rateOf(program, one, seconds)
    rounds.push({ several: early || (await rateOf(program, several, seconds)), one: of })
  }
  const samples = rounds.map((each) => each.several / each.one)
  const typical = (name: keyof Measured) => Math.round(median(rounds.map((each) => each[name])))
  return {
    goal: 'L2',
    what: 'updates/s with three cells and two connectors / with one of each, 999 devices',
    value: median(samples),
    samples,
    floor: 0.85,
    target: 0.95,
    unit: 'ratio',
    better: 'higher',
    notes: `${typical('several')}/s against ${typical('one')}/s`,
  }
}

const FLEET = 60
const RATE = 100
const LOOK_MS = 10
const CALM_MS = 2000
const AFTER_MS = 5000
const ids = Array.from({ length: FLEET }, (_, at) => `c${at}`)

/** The longest that any of these devices waited for the answer to one update, in seconds. */
class LongestWait {
  readonly #devices: readonly ChaosDevice[]
  readonly #asked = new Map<string, { readonly token: string; readonly at: number }>()
  readonly #timer: NodeJS.Timeout
  #longest = 0

  constructor(devices: readonly ChaosDevice[]) {
    this.#devices = devices
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const now = performance.now()
    for (const { id, pending } of this.#devices) {
      const asked = this.#asked.get(id)
      if (pending === undefined) this.#asked.delete(id)
      else if (pending.token !== asked?.token)
        this.#asked.set(id, { token: pending.token, at: now })
      else this.#longest = Math.max(this.#longest, now - asked.at)
    }
  }

  end(): number {
    clearInterval(this.#timer)
    return this.#longest / 1000
  }
}

/** Under load, from the disturbance on, until every device was answered. */
async function silenceOf(
  fleet: ChaosFleet,
  of: (id: string) => boolean,
  disturb: () => Promise<void>,
): Promise<number> {
  const stop = new AbortController()
  const loading = fleet.load(RATE, stop.signal)
  await sleep(CALM_MS)
  const wait = new LongestWait(fleet.devices.filter(({ id }) => of(id)))
  await disturb()
  await sleep(AFTER_MS)
  stop.abort()
  await loading
  await until('all answered', () => fleet.devices.every(({ pending }) => !pending), 40)
  return wait.end()
}

const all = () => true

async function replicaDies(): Promise<number> {
  await using setting = await startFaas(ids)
  const fleet = await startChaosFleet(setting.broker.url, FLEET)
  const [replica] = setting.functions.replicasOf('shadow-update')
  const longest = await silenceOf(fleet, all, async () => {
    if (replica === undefined) throw new Error('no replica runs')
    await replica.kill()
  })
  await fleet.close()
  return longest
}

/** Of the devices of the cell whose connector or broker dies; their name leads to another cell when it is the broker. */
async function cellSuffers(kill: 'connector' | 'broker'): Promise<number> {
  await using setting = await startCells(ids)
  await setting.shared()
  const place = new Map(ids.map((id, at) => [id, cellAt(at) as string]))
  const fleet = await startChaosFleet((id) => setting.urlOf(place.get(id) ?? 'a'), FLEET)
  const own = new Set([...place].flatMap(([id, cell]) => (cell === 'a' ? [id] : [])))
  const longest = await silenceOf(
    fleet,
    (id) => own.has(id),
    async () => {
      if (kill === 'connector') {
        const slots = await setting.slots()
        const slot = slots.find((each) => each.broker === 'a' && each.class === 'shadow')
        await setting.processOf(slot?.holder ?? '')?.kill('SIGKILL')
        return
      }
      await setting.cells.get('a')?.kill('SIGKILL')
      for (const id of own) place.set(id, 'b')
      await fleet.reconnect((id) => own.has(id))
    },
  )
  await fleet.close()
  return longest
}

/** L6: the longest of the three, as a median of rounds. */
export async function longestSilence(): Promise<Goal> {
  const rounds: { replica: number; connector: number; broker: number }[] = []
  for (let round = 1; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    const replica = await replicaDies()
    const connector = await cellSuffers('connector')
    const broker = await cellSuffers('broker')
    rounds.push({ replica, connector, broker })
    say(`silence: replica ${replica} s, connector ${connector} s, broker ${broker} s`)
  }
  const samples = rounds.map((each) => Math.max(each.replica, each.connector, each.broker))
  const typical = (name: 'replica' | 'connector' | 'broker') =>
    `${name} ${median(rounds.map((each) => each[name])).toFixed(2)} s`
  return {
    goal: 'L6',
    what: 'longest wait of a device for its answer when a function replica, a connector, a broker is killed',
    value: median(samples),
    samples,
    floor: 3,
    target: 1.5,
    unit: 's',
    better: 'lower',
    notes: `${typical('replica')}, ${typical('connector')}, ${typical('broker')}`,
  }
}

export async function goals(): Promise<Goal[]> {
  return [await cellsCost(), await longestSilence()]
}
