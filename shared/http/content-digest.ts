import { DomainError } from '../errors.ts'

const SHA256 = /^sha-256=:([A-Za-z0-9+/]{43}=):$/

/** The SHA-256 of a Content-Digest header (RFC 9530); other algorithms beside it are not looked at. Undefined where there is none. */
export function readContentDigest(header: string | undefined): Buffer | undefined {
  if (header === undefined) return undefined
  const found = header.split(',').map((part) => SHA256.exec(part.trim())?.[1])
  const text = found.find((each) => each !== undefined)
  if (text === undefined) {
    const errors = [{ header: 'Content-Digest', detail: 'sha-256=:base64: is read' }]
    throw new DomainError('request.invalid', { errors })
  }
  return Buffer.from(text, 'base64')
}

/** The header of content with this SHA-256. */
export const writeDigest = (sha256: Buffer): string => `sha-256=:${sha256.toString('base64')}:`
