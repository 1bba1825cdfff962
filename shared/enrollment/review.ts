import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { deviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import { serialText } from '../pki/serial.ts'
import {
  decideReview,
  listPending,
  listReviews,
  readReview,
  type ReviewRow,
} from './review-queries.ts'
import { ENROLLMENT_TRANSITIONS, type EnrollmentState } from './state.ts'

/** An enrolment as the operator sees it, with the true reason of a refusal. */
export interface EnrollmentView {
  readonly id: string
  readonly device_id: string
  readonly credential: string | null
  /** How it was asked for: `json`, `est`, … */
  readonly protocol: string
  readonly state: EnrollmentState
  readonly reason: string | null
  readonly serial: string | null
  readonly created_at: string
  readonly expires_at: string
}

function toView(row: ReviewRow): EnrollmentView {
  return {
    id: `${row.device_id}~${row.request}`,
    device_id: row.device_id,
    credential: row.credential_id,
    protocol: row.protocol,
    state: row.state,
    reason: row.reason,
    serial: row.serial === null ? null : serialText(row.serial),
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  }
}

interface ReviewKey {
  readonly deviceId: string
  readonly request: string
}

function readKey(id: string): ReviewKey {
  const [, device, request] = /^([^~]{1,64})~([0-9a-f]{64})$/.exec(id) ?? []
  if (device === undefined || request === undefined) throw new DomainError('enrollment.not_found')
  return { deviceId: device, request }
}

export interface ReviewFilter {
  readonly deviceId?: string | undefined
  readonly state?: EnrollmentState | undefined
}

/** In order of devices; those that wait for a person, oldest first. */
export async function pageEnrollments(
  db: Db,
  { deviceId: device, state }: ReviewFilter,
  after: readonly (string | null)[] | undefined,
  limit: number,
): Promise<EnrollmentView[]> {
  const [first = null, second = null] = after ?? []
  if (state === 'pending' && device === undefined) {
    const from = first === null ? null : new Date(first)
    return (await db.rows(listPending, [from, second, limit])).map(toView)
  }
  const rows = await db.rows(listReviews, [device ?? null, state ?? null, first, second, limit])
  return rows.map(toView)
}

/** Where a page goes on after this one. */
export function reviewCursor(
  { deviceId: device, state }: ReviewFilter,
  last: EnrollmentView,
): string[] {
  return state === 'pending' && device === undefined
    ? [last.created_at, last.device_id]
    : [last.device_id, last.id.slice(last.device_id.length + 1)]
}

/** Throws enrollment.not_found. */
export async function findEnrollment(db: Db, id: string): Promise<EnrollmentView> {
  const { deviceId: device, request } = readKey(id)
  const row = await db.row(readReview, [device, request])
  if (row === undefined) throw new DomainError('enrollment.not_found')
  return toView(row)
}

const VERBS = { approved: 'accept', rejected: 'reject' } as const

/**
 * A person decides: an accepted device gets its certificate when it asks again, a rejected key never.
 * @throws {DomainError} enrollment.not_found, enrollment.illegal_transition
 */
export async function decideEnrollment(
  tx: Db,
  acting: Acting,
  id: string,
  to: 'approved' | 'rejected',
): Promise<EnrollmentView> {
  const { deviceId: device, request } = readKey(id)
  const from = statesBefore(to)
  const reason = to === 'rejected' ? 'operator' : null
  const row = await tx.row(decideReview, [device, request, to, reason, from])
  if (row === undefined) {
    const { state } = await findEnrollment(tx, id)
    throw new DomainError('enrollment.illegal_transition', { state })
  }
  const verb = VERBS[to]
  const named = deviceId(device)
  if (named !== undefined) await emit(tx, { kind: `enrollment.${verb}ed`, deviceId: named })
  await audit(tx, { ...acting, verb: `enrollment.${verb}`, target: device })
  return toView(row)
}

function statesBefore(to: EnrollmentState): EnrollmentState[] {
  const all: readonly EnrollmentState[] = ['pending', 'approved', 'signing', 'issued', 'rejected']
  return all.filter((from) => {
    const next: readonly EnrollmentState[] = ENROLLMENT_TRANSITIONS[from]
    return next.includes(to) && from !== 'signing'
  })
}
