import { editDistance } from '../nearest.ts'

/** What people type who come from other systems, or who guess. A Map: an object would find `constructor`. */
const ALIASES = new Map([
  ['id', 'device_id'],
  ['deviceid', 'device_id'],
  ['thingname', 'device_id'],
  ['controllerid', 'device_id'],
  ['firmware', 'firmware_ver'],
  ['version', 'firmware_ver'],
  ['hw', 'hardware_rev'],
  ['hardware', 'hardware_rev'],
  ['lastseen', 'last_seen'],
  ['expires', 'cert_expires'],
  ['serial', 'cert_serial'],
  ['online', 'connected'],
  ['state', 'status'],
  ['tag', 'group'],
  ['tags', 'group'],
])
const WORD_MAX = 64
const PREFIX = 6

/** The nearest of the names: six equal first letters, or at most a third of the letters changed. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const lower = word.slice(0, WORD_MAX).toLowerCase()
  let best: string | undefined
  let least = Math.max(1, lower.length / 3)
  for (const name of names) {
    const begins = lower.length >= PREFIX && name.toLowerCase().startsWith(lower.slice(0, PREFIX))
    const cost = begins ? 0 : editDistance(lower, name.slice(0, WORD_MAX).toLowerCase())
    if (cost < least || (best === undefined && cost <= least)) {
      best = name
      least = cost
    }
  }
  return best
}

/** The field that was probably meant. */
export function nearestField(word: string, names: readonly string[]): string | undefined {
  return ALIASES.get(word.toLowerCase()) ?? nearest(word, names)
}
