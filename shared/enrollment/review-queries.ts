import { statement } from '../db/statement.ts'
import type { EnrollmentState } from './state.ts'

export interface ReviewRow {
  device_id: string
  request: string
  credential_id: string | null
  protocol: string
  state: EnrollmentState
  serial: Buffer | null
  reason: string | null
  created_at: Date
  expires_at: Date
}

const COLUMNS = `device_id, encode(request, 'hex') as request, credential_id, protocol, state, serial, reason, created_at, expires_at`

export const listReviews = statement<
  [
    deviceId: string | null,
    state: string | null,
    afterDevice: string | null,
    afterRequest: string | null,
    limit: number,
  ],
  ReviewRow
>(
  'enrollments_list',
  `select ${COLUMNS} from enrollments
    where ($1::text is null or device_id = $1::text) and ($2::text is null or state = $2::text)
      and ($3::text is null or (device_id, request) > ($3::text, decode($4::text, 'hex')))
    order by device_id, request limit $5::int`,
)

// What waits is few and has an index of its own: oldest first.
export const listPending = statement<
  [after: Date | null, afterDevice: string | null, limit: number],
  ReviewRow
>(
  'enrollments_pending_list',
  `select ${COLUMNS} from enrollments
    where state = 'pending' and ($1::timestamptz is null or (created_at, device_id) > ($1::timestamptz, $2::text))
    order by created_at, device_id limit $3::int`,
)

export const readReview = statement<[deviceId: string, request: string], ReviewRow>(
  'enrollment_review_read',
  `select ${COLUMNS} from enrollments where device_id = $1::text and request = decode($2::text, 'hex')`,
)

export const decideReview = statement<
  [
    deviceId: string,
    request: string,
    state: EnrollmentState,
    reason: string | null,
    from: readonly EnrollmentState[],
  ],
  ReviewRow
>(
  'enrollment_decide',
  `update enrollments set state = $3::text, reason = $4::text
    where device_id = $1::text and request = decode($2::text, 'hex') and state = any($5::text[])
   returning ${COLUMNS}`,
)
