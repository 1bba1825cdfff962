import { createPublicKey, X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sourceKey, type Rates } from '../access/rates.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { gather } from '../gather.ts'
import type { InternalCall } from '../host.ts'
import { verifyCsr } from '../pki/csr.ts'
import { DEFAULT_PROFILE } from '../pki/profile.ts'
import { readProfileNamed } from '../pki/read-authorities.ts'
import { readSettings } from '../setting/read.ts'
import { admit, type Admission, type Candidate } from './admit.ts'
import { askAuthority, type Ask } from './ask-authority.ts'
import { authenticate, credentialId } from './authenticate.ts'
import { giveBack } from './give-back.ts'
import { namesAnother } from './judge.ts'
import { enrollmentRefusals, enrollments } from './metrics.ts'
import { recordRefused } from './record-refused.ts'
import { Refusal, refused } from './refusal.ts'
import { requestId, type EnrollRequest } from './request.ts'

export interface EnrollDeps {
  readonly db: Database
  readonly clock: Clock
  readonly rates: Rates
  readonly call: InternalCall
  /** The key-encryption key that wraps shared keys; undefined: none is mounted. */
  readonly kek: () => Promise<Buffer | undefined>
}

/** The certificate, or that an operator has to accept it first. */
export type Enrolled =
  | { readonly state: 'issued'; readonly der: Buffer }
  | { readonly state: 'pending' }

export type Enroll = (request: EnrollRequest) => Promise<Enrolled>

const DAY_MS = 86_400_000
const MOST = 200
/** A twin of this request may be a moment ahead, between its nonce and its row. */
const TWIN_MS = 200

/** The enrolment of one instance: its requests gather, so that uses are counted once a batch. */
export function createEnroll(deps: EnrollDeps): Enroll {
  const admitted = gather<Candidate, Admission>(MOST, async (candidates) => {
    const settings = await readSettings(deps.db)
    return admit({ ...deps, approval: settings['enrollment.approval'] }, candidates)
  })
  const asked = gather<Ask, Buffer>(MOST, (asks) => askAuthority(deps.call, asks))
  return async (request) => {
    const { rates } = deps
    const source = sourceKey(request.origin.source)
    await rates.check('failure', source)
    await rates.take('source', source)
    const { protocol } = request.origin
    try {
      const candidate = await examine(deps, request)
      const admission = await withTwin(candidate, admitted)
      const enrolled =
        admission.state === 'signing' ? await sign(deps, asked, candidate, admission) : admission
      enrollments.inc({ protocol, result: enrolled.state })
      return enrolled
    } catch (error) {
      enrollments.inc({ protocol, result: error instanceof Refusal ? 'refused' : 'failed' })
      if (countsAsFailure(error)) await rates.take('failure', source).catch(() => undefined)
      if (!(error instanceof Refusal)) throw error
      enrollmentRefusals.inc({ reason: error.reason })
      await recordRefused(deps, request, error)
      throw refused(error)
    }
  }
}

function countsAsFailure(error: unknown): boolean {
  return error instanceof Refusal || (error instanceof DomainError && error.code === 'csr.invalid')
}

/** Everything that can be said without a lock: limits first, then the credential, then what costs a signature check. */
async function examine(deps: EnrollDeps, request: EnrollRequest): Promise<Candidate> {
  const { csr, deviceId, proof } = request
  const named = credentialId(proof)
  if (named !== undefined) await deps.rates.take('credential', named)
  const { credentialId: id, hardwareRevs, replay } = await authenticate(deps, request)
  if (csr.wantsAuthority)
    throw new DomainError('csr.invalid', { detail: 'it asks for an authority' })
  if (!verifyCsr(csr))
    throw new DomainError('csr.invalid', { detail: 'its signature is not valid' })
  if (namesAnother(csr, deviceId)) throw new Refusal('request_name', id)
  if (proof.kind === 'claim' && isKeyOf(proof.certificate, csr.key.spki)) {
    throw new Refusal('request_key', id)
  }
  const profile = await readProfileNamed(deps.db, DEFAULT_PROFILE)
  return {
    request,
    requestId: requestId(csr.key.spki, DEFAULT_PROFILE),
    credentialId: id,
    credentialHardware: hardwareRevs,
    replay,
    until: new Date(deps.clock.now().getTime() + (profile.lifetime_days + 1) * DAY_MS),
  }
}

function isKeyOf(certificate: Buffer, spki: Buffer): boolean {
  const { publicKey } = new X509Certificate(certificate)
  return createPublicKey({ key: spki, format: 'der', type: 'spki' }).equals(publicKey)
}

async function withTwin(
  candidate: Candidate,
  admitted: (candidate: Candidate) => Promise<Admission>,
): Promise<Admission> {
  try {
    return await admitted(candidate)
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason !== 'replayed') throw error
    await sleep(TWIN_MS)
    return admitted(candidate)
  }
}

async function sign(
  deps: EnrollDeps,
  asked: (ask: Ask) => Promise<Buffer>,
  candidate: Candidate,
  { entry }: Extract<Admission, { state: 'signing' }>,
): Promise<Enrolled> {
  const { deviceId, origin } = candidate.request
  try {
    const der = await asked({
      deviceId,
      request: candidate.requestId,
      profile: DEFAULT_PROFILE,
      renews: undefined,
      actor: `credential ${candidate.credentialId}`,
      source: origin.source,
      callId: origin.callId,
    })
    return { state: 'issued', der }
  } catch (error) {
    if (isFinal(error)) await giveBack(deps, candidate, entry)
    throw error
  }
}

// What the authority refuses for good will not be signed by asking again; all else is worth another try, and its row stands.
function isFinal(error: unknown): boolean {
  return (
    error instanceof DomainError &&
    ['enrollment.rejected', 'device.suspended', 'csr.invalid'].includes(error.code)
  )
}
