import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again, each 50 ms or as told, until the answer is neither undefined nor false; an error names `what` after `seconds`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 20,
  everyMs = 50,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
    await sleep(everyMs)
  }
}
