import * as z from 'zod'
import { DomainError } from '../../shared/errors.ts'

const YEAR_SECONDS = 366 * 86_400

/** When something ends: as a moment or from now; not both. */
export const EXPIRY = {
  expires_at: z.iso.datetime({ offset: true }).optional(),
  expires_seconds: z
    .number()
    .int()
    .min(1)
    .max(10 * YEAR_SECONDS)
    .optional(),
}

interface Expiry {
  readonly expires_at?: string | undefined
  readonly expires_seconds?: number | undefined
}

/** The moment, or the default from now. Throws request.invalid when it lies in the past. */
export function expiryOf(
  { expires_at: at, expires_seconds: seconds }: Expiry,
  now: Date,
  defaultSeconds: number,
): Date {
  const moment =
    at === undefined ? new Date(now.getTime() + (seconds ?? defaultSeconds) * 1000) : new Date(at)
  if (moment <= now || (at !== undefined && seconds !== undefined)) {
    const detail = 'one moment that is still to come'
    throw new DomainError('request.invalid', { errors: [{ pointer: '/expires_at', detail }] })
  }
  return moment
}
