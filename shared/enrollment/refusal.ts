import { DomainError } from '../errors.ts'

/** Why an enrolment was refused: for the operator. The device is told nothing of it. */
export const REASONS = {
  allowlist_missing: 'not on the allowlist',
  allowlist_blocked: 'blocked on the allowlist',
  allowlist_expired: 'the allowlist entry has expired',
  allowlist_used: 'the allowlist entry is used up',
  allowlist_device: 'the allowlist gives this serial or key to another device',
  allowlist_hardware: 'another hardware revision than the allowlist says',
  allowlist_credential: 'the allowlist does not take this credential',
  credential_unknown: 'unknown credential',
  credential_wrong: 'the secret is wrong',
  credential_disabled: 'the credential is disabled',
  credential_early: 'the credential is not valid yet',
  credential_expired: 'the credential has expired',
  credential_spent: 'the credential is used up',
  credential_hardware: 'the credential is for other hardware',
  credential_network: 'the credential is for other networks',
  credential_transport: 'the credential is not for this transport',
  clock: 'the time in the request is off by more than 300 s',
  replayed: 'the nonce was used before',
  request_name: 'the request names another device',
  request_key: 'the key belongs to another device, an authority, or the claim certificate',
  key_revoked: 'a certificate of this key was revoked',
  device_decommissioned: 'the device is decommissioned',
  device_suspended: 'the device is suspended',
  operator: 'refused by an operator',
} as const

export type Reason = keyof typeof REASONS

/** A refusal on its way to the record; `refused` makes of it what the device sees. */
export class Refusal extends Error {
  readonly reason: Reason
  readonly credentialId: string | undefined

  constructor(reason: Reason, credentialId?: string) {
    super(REASONS[reason])
    this.name = 'Refusal'
    this.reason = reason
    this.credentialId = credentialId
  }
}

/** The one answer to every refusal, whatever the reason. */
export function refused(refusal: Refusal): DomainError {
  return new DomainError('enrollment.rejected', {}, { cause: refusal })
}
