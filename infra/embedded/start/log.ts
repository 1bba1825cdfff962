import { createLogger, type Logger } from '../../../shared/log.ts'

const FIELDS_LEFT_OUT = new Set(['level', 'time', 'msg', 'err'])

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

function field([name, value]: [string, unknown]): string {
  const plain = typeof value === 'string' && /^[^\s"=]+$/.test(value)
  return `${name}=${plain ? value : JSON.stringify(value)}`
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return ''
  return ` (${String(error.message)})`
}

/** A log line as a person reads it. */
export function asText(line: string): string {
  const entry: unknown = JSON.parse(line)
  if (typeof entry !== 'object' || entry === null) return line
  const entries = Object.entries(entry)
  const known = new Map<string, unknown>(entries)
  const time = text(known.get('time')).slice(11, 19)
  const rest = entries.filter(([name]) => !FIELDS_LEFT_OUT.has(name)).map(field)
  const head = `${time} ${text(known.get('level'))} ${text(known.get('msg'))}`
  return `${[head + errorText(known.get('err')), ...rest].join(' ')}\n`
}

export interface LogOptions {
  readonly level: string
  /** Whether the operator named the level; without, text on a terminal is of warnings only. */
  readonly levelGiven: boolean
  readonly format: 'auto' | 'text' | 'json'
}

/** JSON lines on standard output, or text on a terminal's standard error. */
export function openLog({ level, levelGiven, format }: LogOptions): Logger {
  const asTexts = format === 'text' || (format === 'auto' && process.stdout.isTTY)
  if (!asTexts) return createLogger(level)
  const shown = !levelGiven && level === 'info' ? 'warn' : level
  return createLogger(shown, {}, { write: (line) => void process.stderr.write(asText(line)) })
}
