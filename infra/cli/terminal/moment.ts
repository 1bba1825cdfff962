const STEPS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

/** 75 → 1 min */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  // The unit changes at twice itself: 90 s says more than 1 min, 36 h more than 1 d.
  for (const [size, unit] of STEPS) {
    if (whole >= size * 2 || size === 1) return `${Math.floor(whole / size)} ${unit}`
  }
  return '0 s'
}

/** `12 s ago`, `in 61 d`, `now`. */
export function relative(text: string, now: Date): string {
  const at = Date.parse(text)
  if (Number.isNaN(at)) return text
  const seconds = (at - now.getTime()) / 1000
  if (Math.abs(seconds) < 1) return 'now'
  return seconds < 0 ? `${duration(-seconds)} ago` : `in ${duration(seconds)}`
}

const UNITS = new Map([
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
])

/** Seconds of `24h`, `1d12h`, or undefined. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:[0-9]{1,6}[wdhms])+$/.test(text)) return undefined
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/([0-9]+)([wdhms])/g)) {
    seconds += Number(count) * (UNITS.get(unit ?? '') ?? 0)
  }
  return seconds
}
