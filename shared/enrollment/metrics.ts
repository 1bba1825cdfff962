import { Counter } from 'prom-client'
import { metrics } from '../metrics.ts'
import type { Protocol } from './request.ts'

const registers = [metrics]

/** Enrolments by how they ended; labels are bounded, devices are in the audit log. */
export const enrollments = new Counter({
  name: 'muster_enrollments_total',
  help: 'Enrolments by protocol and result (issued, pending, refused, failed)',
  labelNames: ['protocol', 'result'],
  registers,
})

// From zero on, so that the first failure is an increase and not a beginning.
for (const protocol of ['json', 'est'] satisfies Protocol[])
  for (const result of ['issued', 'pending', 'refused', 'failed'])
    enrollments.inc({ protocol, result }, 0)

export const enrollmentRefusals = new Counter({
  name: 'muster_enrollment_refusals_total',
  help: 'Refused enrolments by the true reason',
  labelNames: ['reason'],
  registers,
})

export const certificatesIssued = new Counter({
  name: 'muster_certificates_issued_total',
  help: 'Certificates signed, by what for (enrollment, renewal)',
  labelNames: ['for'],
  registers,
})

export const certificatesRevoked = new Counter({
  name: 'muster_certificates_revoked_total',
  help: 'Certificates revoked, by reason',
  labelNames: ['reason'],
  registers,
})
