const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One fault of a request that has several. */
export interface Fault {
  readonly place: string
  readonly detail: string
}

/** An answer that is no success: the server's problem document (RFC 9457). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly callId: string | undefined
  readonly faults: readonly Fault[]
  /** The whole document. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(messageOf(status, problem))
    this.name = 'ApiError'
    this.status = status
    this.problem = problem
    this.code = typeof problem['code'] === 'string' ? problem['code'] : `http.${status}`
    const call = problem['call_id']
    this.callId = typeof call === 'string' && call !== '' ? call : undefined
    this.faults = faultsOf(problem['errors'])
  }
}

/** The server was not reached, or what answered is not Muster. */
export class UnreachableError extends Error {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'UnreachableError'
  }
}

function messageOf(status: number, { detail, title }: Readonly<Record<string, unknown>>): string {
  const text = typeof detail === 'string' ? detail : title
  return typeof text === 'string' ? sentence(text) : `the server answered ${status}`
}

/** As part of a line: no capital, no marks round names. */
export function sentence(text: string): string {
  const bare = text.replaceAll('`', '')
  return /^[A-Z][^A-Z]/.test(bare) ? bare.charAt(0).toLowerCase() + bare.slice(1) : bare
}

function faultsOf(errors: unknown): Fault[] {
  if (!Array.isArray(errors)) return []
  return errors.filter(isObject).map((each) => {
    const place = each['pointer'] ?? each['parameter'] ?? each['header']
    const detail = each['detail'] ?? each['message']
    return {
      place: typeof place === 'string' ? place : '',
      detail: typeof detail === 'string' ? detail : '',
    }
  })
}
