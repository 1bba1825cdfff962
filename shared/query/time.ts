import type { Instant, Offset, Value } from './query.ts'

const UNITS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const
type Unit = keyof typeof UNITS
const isUnit = (text: string | undefined): text is Unit => text !== undefined && text in UNITS

/** Longest duration: a hundred years. Together with years 2 to 9998 every sum stays a time of the database. */
const SECONDS_MAX = 3.2e9

const RFC3339 =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$/

/** Seconds of `1w2d`, or undefined when it is no duration. */
export function durationSeconds(text: string): number | undefined {
  if (!/^(?:[0-9]{1,6}[wdhms])+$/.test(text)) return undefined
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/([0-9]+)([wdhms])/g)) {
    if (isUnit(unit)) seconds += Number(count) * UNITS[unit]
  }
  return seconds
}

export const isDurationInRange = (seconds: number): boolean => seconds <= SECONDS_MAX

/** A time of RFC 3339 with its zone, or a date (00:00 UTC). */
export function parseInstant(text: string): Instant | undefined {
  const parts = RFC3339.exec(text)
  if (!parts) return undefined
  const [, day = '', clock = '00:00:00', fraction = '', zone = 'Z'] = parts
  // Date.parse takes 30 February for 2 March: the same day must come back.
  const local = Date.parse(`${day}T${clock}Z`)
  const whole = Date.parse(`${day}T${clock}${zone.toUpperCase()}`)
  if (Number.isNaN(local) || Number.isNaN(whole)) return undefined
  if (new Date(local).toISOString() !== `${day}T${clock}.000Z`) return undefined
  if (day < '0002' || day >= '9999') return undefined
  return { us: whole * 1000 + Number(fraction.padEnd(6, '0')) }
}

/** RFC 3339 in UTC with microseconds, which the database reads exactly. */
export function printInstant(us: number): string {
  const fraction = ((us % 1e6) + 1e6) % 1e6
  const seconds = new Date((us - fraction) / 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`
}

/** `7d ago`, `1d12h from now`, `now`; weeks are written as days. */
export function printOffset({ seconds }: Offset): string {
  if (seconds === 0) return 'now'
  let rest = Math.abs(seconds)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNITS[unit])
    rest -= count * UNITS[unit]
    if (count > 0) text += `${count}${unit}`
  }
  return `${text} ${seconds < 0 ? 'ago' : 'from now'}`
}

export const isInstant = (value: Value): value is Instant =>
  typeof value === 'object' && 'us' in value

export const isOffset = (value: Value): value is Offset =>
  typeof value === 'object' && 'seconds' in value

/** Microseconds of a value, `now` being the moment of evaluation. */
export function microseconds(value: Value, now: Date): number {
  if (isInstant(value)) return value.us
  return isOffset(value) ? now.getTime() * 1000 + value.seconds * 1e6 : Number.NaN
}
