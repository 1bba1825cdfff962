import { DomainError } from '../../shared/errors.ts'

/** Hands a request to a function and waits for its answer: in this process or elsewhere. */
export type Dispatch = (functionName: string, request: Request) => Promise<Response>

/** Where a function finds its request: its target is signed, so the URL says nothing. */
export const FUNCTION_URL = 'http://function.internal/'

/** No such function here, or its process does not answer. */
export class DispatchError extends Error {
  readonly status: 404 | 502 | 503 | 504

  constructor(status: 404 | 502 | 503 | 504, message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'DispatchError'
    this.status = status
  }
}

/** What stopped a request, as it may be shown. */
export function toRefusal(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  if (!(error instanceof DispatchError)) {
    return new DomainError('internal.failure', {}, { cause: error })
  }
  const code = error.status === 404 ? 'route.not_found' : 'function.unavailable'
  return new DomainError(code, {}, { cause: error })
}
