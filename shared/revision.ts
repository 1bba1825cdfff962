import { DomainError } from './errors.ts'

/** Revisions that the caller would accept (If-Match); undefined: any. */
export type Expected = readonly bigint[] | undefined

/** Throws request.precondition_failed when the thing is not one of the revisions that the caller has seen. */
export function checkRevision(expected: Expected, revision: bigint): void {
  if (expected !== undefined && !expected.includes(revision)) {
    throw new DomainError('request.precondition_failed', { revision: revision.toString() })
  }
}
