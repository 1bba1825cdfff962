import { DomainError } from '../errors.ts'
import type { Expected } from '../revision.ts'

const REVISION = /^"(\d{1,18})"$/

/** Strong ETag of a row's revision. */
export function etag(revision: bigint): string {
  return `"${revision}"`
}

/**
 * The revisions of an If-Match header. A tag that is none of ours, or a weak one, matches nothing (RFC 9110 §13.1.1).
 * @throws {DomainError} request.precondition_required where the header must be there and is not
 */
export function ifMatch(header: string | undefined, need: 'required' | 'optional'): Expected {
  if (header === undefined) {
    if (need === 'required') throw new DomainError('request.precondition_required')
    return undefined
  }
  if (header.trim() === '*') return undefined
  return header.split(',').flatMap((tag) => {
    const revision = REVISION.exec(tag.trim())?.[1]
    return revision === undefined ? [] : [BigInt(revision)]
  })
}
