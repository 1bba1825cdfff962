import * as z from 'zod'
import { SLOT_CLASSES, type SlotClass } from '../../shared/mqtt/topics.ts'

/** Where connectors tell each other, once a second on each broker that they reach, how much they hold. */
export const HERE_TOPIC = 'muster/here'
const FORGET_MS = 5000
const MOST_PEERS = 1000

export type Holdings = Readonly<Record<SlotClass, number>>

const Here = z.strictObject({
  holder: z.string().max(300),
  held: z.record(z.enum(SLOT_CLASSES), z.number().int().min(0)),
})

/** What a connector says of itself. */
export const hereFrame = (holder: string, held: Holdings) =>
  ({ topic: HERE_TOPIC, qos: 0, retain: false, payload: JSON.stringify({ holder, held }) }) as const

/**
 * The other connectors, by the broker on which they were heard: only who reaches a broker can take its slots over. Of each class a
 * connector gives up a slot while another that could take it holds at least two fewer, so that shares differ by one at most.
 */
export class Peers {
  readonly #holder: string
  readonly #now: () => number
  readonly #heard = new Map<string, Map<string, { held: Holdings; at: number }>>()

  constructor(holder: string, now: () => number) {
    this.#holder = holder
    this.#now = now
  }

  hear(cell: string, text: string): void {
    const said = Here.safeParse(json(text))
    if (!said.success || said.data.holder === this.#holder) return
    const peers = this.#heard.get(cell) ?? new Map<string, { held: Holdings; at: number }>()
    this.#heard.set(cell, peers)
    for (const [holder, { at }] of peers) if (this.#now() - at > FORGET_MS) peers.delete(holder)
    if (peers.size < MOST_PEERS)
      peers.set(said.data.holder, { held: said.data.held, at: this.#now() })
  }

  /** Which of the held slots are to go to another: of a class one at a time, the last of those that could. */
  surplus<S extends { readonly cell: string; readonly slotClass: SlotClass }>(
    slots: readonly S[],
  ): S[] {
    return SLOT_CLASSES.flatMap((slotClass) => {
      const mine = slots.filter((slot) => slot.slotClass === slotClass)
      return mine.findLast(({ cell }) => this.#least(cell, slotClass) + 1 < mine.length) ?? []
    })
  }

  #least(cell: string, slotClass: SlotClass): number {
    const peers = [...(this.#heard.get(cell)?.values() ?? [])]
    const live = peers.filter(({ at }) => this.#now() - at <= FORGET_MS)
    return Math.min(...live.map(({ held }) => held[slotClass]))
  }
}

export function holdingsOf(slots: readonly { readonly slotClass: SlotClass }[]): Holdings {
  const of = (name: SlotClass) => slots.filter(({ slotClass }) => slotClass === name).length
  return { shadow: of('shadow'), ota: of('ota'), enroll: of('enroll'), presence: of('presence') }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
