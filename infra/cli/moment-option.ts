import { UsageError, type Input } from './command/command.ts'
import type { Session } from './session.ts'
import { parseDuration } from './terminal/moment.ts'

/** `24h`, `30d` (from now, or ago), a date or a time with its zone, as RFC 3339. */
export function momentOption(
  session: Session,
  input: Input,
  name: string,
  direction: 'from now' | 'ago' = 'from now',
): string | undefined {
  const text = input.text(name)
  if (text === undefined) return undefined
  const seconds = parseDuration(text)
  if (seconds !== undefined) {
    const signed = direction === 'ago' ? -seconds : seconds
    return new Date(session.now().getTime() + signed * 1000).toISOString()
  }
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)
  const isTime = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*(?:Z|[+-][0-9]{2}:[0-9]{2})$/i.test(text)
  const at = isDate || isTime ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return new Date(at).toISOString()
  throw new UsageError(
    `--${name} takes 24h, 30d, 2027-01-31 or a time with its zone, not ${text}`,
    input.command,
  )
}
