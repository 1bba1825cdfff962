import { NoServerError } from './api/find-server.ts'
import { NotPrivateError } from './api/private-file.ts'
import { ApiError, UnreachableError } from './api/problem.ts'
import { UsageError } from './command/command.ts'

export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  notFound: 3,
  notAuthorised: 4,
  conflict: 5,
  unreachable: 6,
  watchedFailed: 7,
  interrupted: 130,
} as const

/** Ends the command with one line and this exit code. */
export class CommandError extends Error {
  readonly exit: number

  constructor(message: string, exit: number = EXIT.refused, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'CommandError'
    this.exit = exit
  }
}

const CONFLICTS = new Set([409, 412, 428])

function exitOfStatus(status: number): number {
  if (status === 401 || status === 403) return EXIT.notAuthorised
  if (status === 404) return EXIT.notFound
  if (CONFLICTS.has(status)) return EXIT.conflict
  return status >= 500 ? EXIT.unreachable : EXIT.refused
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exit
  if (error instanceof ApiError) return exitOfStatus(error.status)
  if (error instanceof UnreachableError) return EXIT.unreachable
  if (error instanceof UsageError || error instanceof NoServerError) return EXIT.usage
  return error instanceof NotPrivateError || isFileError(error) ? EXIT.usage : EXIT.refused
}

function apiLines(error: ApiError): string[] {
  const call = error.callId === undefined ? '' : `, call ${error.callId}`
  const faults = error.faults.map(({ place, detail }) => `  ${place} ${detail}`.trimEnd())
  return [`muster: ${error.message} (${error.code}${call})`, ...faults]
}

const FILE_ERRORS = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'may not be read or written'],
  ['EISDIR', 'is a folder'],
  ['ENOTDIR', 'lies below a file'],
  ['EEXIST', 'exists already; nothing was overwritten'],
])

function isFileError(error: unknown): error is NodeJS.ErrnoException & { path: string } {
  return error instanceof Error && 'path' in error && typeof error.path === 'string'
}

function messageOf(error: unknown): string {
  if (isFileError(error)) {
    return `${error.path}: ${FILE_ERRORS.get(error.code ?? '') ?? error.message}`
  }
  return error instanceof Error ? error.message : String(error)
}

/** What people read of an error: one line, then a line for each fault of the request. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return `${apiLines(error).join('\n')}\n`
  if (error instanceof UsageError) {
    const words = ['muster', ...error.command, '--help'].join(' ')
    return `muster: ${error.message} (see ${words})\n`
  }
  const message = messageOf(error)
  return `muster: ${message.split('\n')[0] ?? ''}\n`
}
