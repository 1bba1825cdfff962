/** Exit codes of `npm start` (docs: First start). */
export const EXIT = {
  portsInUse: 10,
  newerData: 11,
  diskFull: 12,
  postgresRefuses: 13,
  inUse: 14,
  unreachable: 15,
} as const

/** Why Muster does not start, as one line for a person; no stack. */
export class StartFault extends Error {
  readonly exitCode: number

  constructor(exitCode: number, line: string, options: ErrorOptions = {}) {
    super(line, options)
    this.exitCode = exitCode
  }
}
