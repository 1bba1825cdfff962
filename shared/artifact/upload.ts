import type { ErrorCode } from '../errors.ts'

/** open: takes parts. checking: whole, being read. ready: an artifact. refused: code and detail say why. */
export type UploadState = 'open' | 'checking' | 'ready' | 'refused'

export interface UploadRow {
  upload_id: string
  name: string
  format: 'raw'
  version: string
  size: bigint
  sha256: Buffer
  signature: Buffer | null
  object: string
  store_upload: string
  state: UploadState
  code: ErrorCode | null
  detail: string | null
  artifact_id: number | null
  operation_id: number | null
  expires_at: Date
}

export interface PartRow {
  part: number
  size: number
  tag: string
}

export interface Upload extends UploadRow {
  parts: readonly PartRow[]
}

export const PARTS_MAX = 10_000 // S3's own bound

/** How many parts a file has: all but the last are full. */
export function partCount(size: bigint, partBytes: number): number {
  return Number((size + BigInt(partBytes) - 1n) / BigInt(partBytes))
}

/** What part `number` must measure; undefined: there is no such part. */
export function partSize(size: bigint, partBytes: number, number: number): number | undefined {
  const count = partCount(size, partBytes)
  if (number < 1 || number > count) return undefined
  return number < count ? partBytes : Number(size - BigInt(partBytes) * BigInt(count - 1))
}

/** The parts still to be sent. */
export function missingParts({ size, parts }: Upload, partBytes: number): number[] {
  const there = new Set(parts.map((each) => each.part))
  const count = partCount(size, partBytes)
  return Array.from({ length: count }, (_, index) => index + 1).filter((part) => !there.has(part))
}
