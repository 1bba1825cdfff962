/** When a function is due: multiples of a span, or five cron fields in UTC. */
export interface Schedule {
  /** The latest instant at or before `now`, in Unix milliseconds. */
  last(now: number): number
  /** The first instant after `now`. */
  next(now: number): number
}

const EVERY = /^@every ([1-9]\d{0,5})s$/
const MINUTE = 60_000
const HORIZON_MINUTES = 366 * 24 * 60 * 5

const FIELDS = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12 },
  { name: 'day of week', least: 0, most: 7 },
] as const

/** Reads `@every Ns` or five cron fields: `*`, numbers, ranges, lists, steps. */
export function parseSchedule(text: string): Schedule {
  const every = EVERY.exec(text.trim())
  if (every !== null) return everySpan(Number(every[1]) * 1000)
  const words = text.trim().split(/\s+/)
  if (words.length !== FIELDS.length) throw new Error(`schedule ${text}: not five fields`)
  const [minutes, hours, days, months, weekdays] = words.map((word, index) => field(word, index))
  if (!minutes || !hours || !days || !months || !weekdays) throw new Error(`schedule ${text}`)
  // Crontab: when both days are restricted, either will do.
  const either = words[2] !== '*' && words[4] !== '*'
  const matches = (instant: Date): boolean => {
    const day = days.has(instant.getUTCDate())
    const weekday = weekdays.has(instant.getUTCDay())
    return (
      minutes.has(instant.getUTCMinutes()) &&
      hours.has(instant.getUTCHours()) &&
      months.has(instant.getUTCMonth() + 1) &&
      (either ? day || weekday : day && weekday)
    )
  }
  return byMinute(text, matches)
}

function everySpan(span: number): Schedule {
  return {
    last: (now) => Math.floor(now / span) * span,
    next: (now) => (Math.floor(now / span) + 1) * span,
  }
}

function byMinute(text: string, matches: (instant: Date) => boolean): Schedule {
  const search = (start: number, step: number): number => {
    for (let count = 0, at = start; count < HORIZON_MINUTES; count++, at += step) {
      if (matches(new Date(at))) return at
    }
    throw new Error(`schedule ${text} never comes`)
  }
  return {
    last: (now) => search(Math.floor(now / MINUTE) * MINUTE, -MINUTE),
    next: (now) => search((Math.floor(now / MINUTE) + 1) * MINUTE, MINUTE),
  }
}

function field(word: string, index: number): Set<number> {
  const { name = '', least = 0, most = 0 } = FIELDS[index] ?? {}
  const values = new Set<number>()
  for (const part of word.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part)
    if (match === null) throw new Error(`schedule: ${name} ${part}`)
    const [, first, last, step] = match
    const from = first === undefined ? least : Number(first)
    const single = step === undefined && first !== undefined ? from : most
    const to = last === undefined ? single : Number(last)
    const by = step === undefined ? 1 : Number(step)
    if (from < least || to > most || from > to || by === 0)
      throw new Error(`schedule: ${name} ${part}`)
    // Both 0 and 7 are Sunday.
    for (let value = from; value <= to; value += by) values.add(most === 7 ? value % 7 : value)
  }
  return values
}
