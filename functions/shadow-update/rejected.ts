import type { DomainError, ErrorCode } from '../../shared/errors.ts'
import { CLASSIC } from '../../shared/shadow/name.ts'
import type { Place } from './read-item.ts'

// Codes of the AWS shadow service; messages as its documentation has them, where it has one.
const REJECTED: Partial<Record<ErrorCode, readonly [code: number, message: string]>> = {
  'shadow.invalid': [400, 'Invalid JSON'],
  'shadow.too_many': [400, 'The device has as many named shadows as it may'],
  'device.suspended': [403, 'Forbidden'],
  'shadow.not_found': [404, 'No shadow exists with name'],
  'shadow.version_conflict': [409, 'Version conflict'],
  'shadow.too_large': [413, 'The payload exceeds the maximum size allowed'],
  'shadow.encoding': [415, 'Unsupported documented encoding; supported encoding is UTF-8'],
  'rate.limited': [429, 'Too many requests in flight'],
}
const UNKNOWN = [500, 'Internal service failure'] as const

/** The payload of a rejected topic. */
export function rejectedText(
  error: DomainError,
  place: Place,
  at: number,
  clientToken: string | undefined,
): string {
  const [code, message] = REJECTED[error.code] ?? UNKNOWN
  const { detail, client_token: told } = error.details
  return JSON.stringify({
    code,
    message:
      code === 404
        ? `${message}: '${nameOf(place)}'`
        : typeof detail === 'string'
          ? detail
          : message,
    timestamp: at,
    clientToken: clientToken ?? told,
  })
}

const nameOf = ({ deviceId, shadow }: Place): string =>
  shadow === CLASSIC ? deviceId : `${deviceId}~${shadow}`
