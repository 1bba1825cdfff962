import { setTimeout as sleep } from 'node:timers/promises'
import type { Device } from './device.ts'
import { randomFrom } from './fleet.ts'
import { startStep, type Output } from './progress.ts'

interface Load {
  readonly fleet: readonly Device[]
  readonly rate: number
  readonly seconds: number
  readonly seed: number
  readonly out: Output
}

const TICK_MS = 20

function quantile(sorted: readonly number[], share: number): string {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share))
  return `${(sorted[at] ?? 0).toFixed(1)} ms`
}

/** Has the connected devices report at a rate, spread over them, and tells how long `accepted` took. */
export async function load({ fleet, rate, seconds, seed, out }: Load): Promise<void> {
  const random = randomFrom(seed)
  const total = Math.round(rate * seconds)
  const step = startStep(out, 'load', total)
  const took: number[] = []
  const under: Promise<void>[] = []
  const connected = fleet.filter((device) => device.connected)
  const timed = async (work: Promise<void>) => {
    const at = performance.now()
    await work
    took.push(performance.now() - at)
    step.set(took.length)
  }
  const started = performance.now()
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * rate))
    for (; sent < due; sent++) {
      const device = connected[sent % connected.length]
      if (device === undefined) return
      const temperature = Math.round(150 + random() * 100) / 10
      under.push(timed(device.report({ temperature })))
    }
    await sleep(TICK_MS)
  }
  await Promise.all(under)
  const reached = took.length / ((performance.now() - started) / 1000)
  took.sort((a, b) => a - b)
  step.end(`${Math.round(reached)}/s, p50 ${quantile(took, 0.5)}, p99 ${quantile(took, 0.99)}`)
}
