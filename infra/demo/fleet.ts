import { Device, type Bootstrap } from './device.ts'

export const HARDWARE = ['A', 'B', 'C'] as const

/** Numbers from a seed (mulberry32), so that a run can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface FleetOptions {
  readonly prefix: string
  readonly count: number
  readonly seed: number
  readonly server: string
  readonly ca: string
}

/** Devices of three hardware revisions in turn, on 2.4.0, reporting an interval of 60 s. */
export function createFleet({ prefix, count, seed, server, ca }: FleetOptions): Device[] {
  const random = randomFrom(seed)
  const digits = Math.max(2, String(count).length)
  return Array.from({ length: count }, (_, index) => {
    const id = `${prefix}-${String(index + 1).padStart(digits, '0')}`
    const hardware = HARDWARE[index % HARDWARE.length] ?? 'A'
    const device = new Device({ id, hardware, firmware: '2.4.0', server, ca })
    device.state = { interval: 60, temperature: Math.round(150 + random() * 100) / 10 }
    return device
  })
}

/** Runs the work for each, `width` at once; the first failure ends it. */
export async function forEach<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      const item = items[at]
      if (item !== undefined) await work(item, at)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
}

/** Each device takes the next kind of credential. */
export function bootstrapOf(bootstraps: readonly Bootstrap[], index: number): Bootstrap {
  const bootstrap = bootstraps[index % bootstraps.length]
  if (bootstrap === undefined) throw new Error('no credential')
  return bootstrap
}
