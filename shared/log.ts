import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino'

export type { Logger } from 'pino'

// What must never be printed, wherever it hangs: bearer tokens, cookies, keys, bodies of enrolment.
const REDACTED = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'mac',
  '*.authorization',
  '*.cookie',
  '*.token',
  '*.secret',
  '*.password',
  '*.mac',
]

/** JSON lines on standard output, written at once: what was logged before a crash is there. */
export function createLogger(
  level: string,
  options: LoggerOptions = {},
  destination: DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  const settings: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
    ...options,
  }
  return pino(settings, destination)
}
