import { deviceUri } from '../pki/profile.ts'
import type { Csr } from '../pki/csr.ts'
import type { AllowlistRow, DeviceRow, IssuedRow, KeyOwnerRow, LockedRow } from './admit-queries.ts'
import type { Reason } from './refusal.ts'

/** What becomes of a request, by what the database holds. Pure, so that tables test it. */
export type Verdict =
  | { readonly outcome: 'known'; readonly der: Buffer }
  | { readonly outcome: 'ask' }
  | { readonly outcome: 'wait' }
  | { readonly outcome: 'suspended' }
  | { readonly outcome: 'refuse'; readonly reason: Reason }
  | { readonly outcome: 'begin'; readonly approved: boolean }
  | { readonly outcome: 'sign' }

/** A request that came before finds its answer again: no use is counted for it. */
export function judgeKnown(
  row: Pick<LockedRow, 'state' | 'reason'>,
  issued: Omit<IssuedRow, 'device_id'> | undefined,
): Verdict {
  switch (row.state) {
    case 'signing':
      return { outcome: 'ask' }
    case 'pending':
      return { outcome: 'wait' }
    case 'approved':
      return { outcome: 'begin', approved: true }
    case 'rejected':
      return row.reason === 'operator'
        ? { outcome: 'refuse', reason: 'operator' }
        : { outcome: 'begin', approved: false }
    case 'issued':
      return judgeIssued(issued)
  }
}

// A certificate that was superseded or has ended is no answer: the device begins anew, and that counts.
function judgeIssued(issued: Omit<IssuedRow, 'device_id'> | undefined): Verdict {
  if (issued?.state === 'revoked') return { outcome: 'refuse', reason: 'key_revoked' }
  return issued?.state === 'active' && !issued.ended
    ? { outcome: 'known', der: issued.der }
    : { outcome: 'begin', approved: false }
}

/** Suspended: known to its owner, so it may be told. Decommissioned: refused like a stranger. */
export function judgeDevice(row: Pick<DeviceRow, 'status'> | undefined): Verdict | undefined {
  if (row?.status === 'suspended') return { outcome: 'suspended' }
  return row?.status === 'decommissioned'
    ? { outcome: 'refuse', reason: 'device_decommissioned' }
    : undefined
}

/** A key belongs to one device, and one whose certificate was revoked to none. */
export function judgeKey(owners: readonly KeyOwnerRow[], deviceId: string): Reason | undefined {
  if (owners.some((owner) => owner.device_id !== deviceId)) return 'request_key'
  return owners.some((owner) => owner.revoked) ? 'key_revoked' : undefined
}

/** Names in a request are never taken over; those of another device show that it is not this one's. */
export function namesAnother(csr: Csr, deviceId: string): boolean {
  if (csr.commonName !== undefined && csr.commonName !== deviceId) return true
  return csr.altNames.some(({ kind, value }) => {
    if (kind === 'uri') return value !== deviceUri(deviceId)
    return kind !== 'dns' || value.toLowerCase() !== deviceId.toLowerCase()
  })
}

export interface Candidate {
  readonly deviceId: string
  readonly credentialId: string
  /** What hardware the credential is for; null: any. */
  readonly credentialHardware: readonly string[] | null
  readonly hardwareRev: string | undefined
  /** A device of this name was enrolled by another key. */
  readonly isOthers: boolean
  readonly now: Date
}

/** Why an entry of the allowlist does not let this candidate in; undefined: it does. */
export function judgeEntry(row: AllowlistRow, candidate: Candidate): Reason | undefined {
  const owner = row.device_id ?? (row.match === 'spki' ? candidate.deviceId : row.value)
  if (owner !== candidate.deviceId) return 'allowlist_device'
  // A key that may choose its name may not choose the name of another one.
  if (row.match === 'spki' && row.device_id === null && candidate.isOthers) {
    return 'allowlist_device'
  }
  if (row.state === 'blocked') return 'allowlist_blocked'
  if (row.expires_at && row.expires_at <= candidate.now) return 'allowlist_expired'
  if (row.credentials?.length && !row.credentials.includes(candidate.credentialId)) {
    return 'allowlist_credential'
  }
  return (
    hardwareFault(row, candidate) ??
    (row.state === 'used' || row.uses >= row.max_uses ? 'allowlist_used' : undefined)
  )
}

// EST and many devices do not say their hardware: then it is what the allowlist says.
function hardwareFault(row: AllowlistRow, candidate: Candidate): Reason | undefined {
  const { hardwareRev, credentialHardware } = candidate
  if (row.hardware_rev && hardwareRev !== undefined && row.hardware_rev !== hardwareRev) {
    return 'allowlist_hardware'
  }
  const hardware = row.hardware_rev ?? hardwareRev ?? ''
  return credentialHardware && !credentialHardware.includes(hardware)
    ? 'credential_hardware'
    : undefined
}
