/** Life of one enrolment. A rejected one may begin anew, unless an operator rejected it; an issued one when its certificate has ended. */
export const ENROLLMENT_TRANSITIONS = {
  pending: ['approved', 'rejected'],
  approved: ['signing', 'rejected'],
  signing: ['issued', 'rejected'],
  issued: ['signing'],
  rejected: ['signing', 'pending'],
} as const satisfies Record<string, readonly string[]>

export type EnrollmentState = keyof typeof ENROLLMENT_TRANSITIONS
