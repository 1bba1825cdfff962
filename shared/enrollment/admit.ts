import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import { eachAlone, type Outcome } from '../gather.ts'
import { sha256 } from '../pki/key.ts'
import {
  insertDevices,
  insertEnrollments,
  lockAllowlist,
  lockEnrollments,
  readDevices,
  readIssued,
  readKeyOwners,
  settleEnrollments,
  useAllowlist,
  type AllowlistRow,
  type IssuedRow,
  type LockedRow,
} from './admit-queries.ts'
import { allowlistKeys, chooseEntry, keyOf } from './allowlist-entry.ts'
import { judgeDevice, judgeKey, judgeKnown, type Verdict } from './judge.ts'
import { Refusal, type Reason } from './refusal.ts'
import type { EnrollRequest } from './request.ts'
import type { EnrollmentState } from './state.ts'
import { Spent, takeUsesOf } from './take-uses.ts'

/** A request whose credential was checked. */
export interface Candidate {
  readonly request: EnrollRequest
  readonly requestId: Buffer
  readonly credentialId: string
  readonly credentialHardware: readonly string[] | null
  readonly replay: boolean
  readonly until: Date
}

/** What admission says: the certificate there is, to be signed now, or to wait for an operator. */
export type Admission =
  | { readonly state: 'issued'; readonly der: Buffer }
  | { readonly state: 'signing'; readonly entry: AllowlistRow | undefined }
  | { readonly state: 'pending' }

export interface AdmitDeps {
  readonly db: Database
  readonly clock: Clock
  /** Enrolments wait until an operator accepts them. */
  readonly approval: boolean
}

interface Judged {
  readonly candidate: Candidate
  /** How its row stood; undefined: there was none. */
  readonly before: EnrollmentState | undefined
  /** A device of this name had a certificate before. */
  readonly enrolled: boolean
  verdict: Verdict
  entry?: AllowlistRow
}

/**
 * The first of the two transactions of an enrolment: rows of the batch as `signing`, and the uses counted last. The second is the
 * authority's. When a credential has not enough uses left for all, each goes alone, so that the first ones get them.
 */
export async function admit(
  deps: AdmitDeps,
  candidates: readonly Candidate[],
): Promise<Outcome<Admission>[]> {
  const sorted = [...candidates].toSorted((a, b) => Number(a.replay) - Number(b.replay))
  const byCandidate = new Map<Candidate, Outcome<Admission>>()
  for (const round of rounds(sorted)) {
    const outcomes = await admitRound(deps, round)
    for (const [at, candidate] of round.entries()) {
      const outcome = outcomes[at]
      if (outcome) byCandidate.set(candidate, outcome)
    }
  }
  return candidates.map(
    (candidate) => byCandidate.get(candidate) ?? { error: new Error('not admitted') },
  )
}

// A device once a round: what it asks twice at a time is answered in order.
function rounds(candidates: readonly Candidate[]): Candidate[][] {
  const made: Candidate[][] = []
  const count = new Map<string, number>()
  for (const candidate of candidates) {
    const { deviceId } = candidate.request
    const round = count.get(deviceId) ?? 0
    count.set(deviceId, round + 1)
    ;(made[round] ??= []).push(candidate)
  }
  return made
}

async function admitRound(
  deps: AdmitDeps,
  round: readonly Candidate[],
): Promise<Outcome<Admission>[]> {
  try {
    return await transaction(deps.db, (tx) => admitTogether(deps, tx, round))
  } catch (error) {
    if (!(error instanceof Spent)) throw error
    if (round.length === 1) return [{ error: new Refusal('credential_spent', error.credentialId) }]
    return (await eachAlone(round, (candidate) => admitRound(deps, [candidate]))).flatMap(
      (outcome) => outcome.value ?? [{ error: outcome.error }],
    )
  }
}

async function admitTogether(
  deps: AdmitDeps,
  tx: Db,
  round: readonly Candidate[],
): Promise<Outcome<Admission>[]> {
  const now = deps.clock.now()
  const judged = await judgeRows(tx, round, now)
  await judgeNew(deps, tx, judged)
  const signing = judged.filter(({ verdict }) => verdict.outcome === 'sign')
  await settle(tx, judged)
  await makeDevices(tx, signing)
  const used = signing.map(({ candidate }) => candidate.credentialId)
  await takeUsesOf(tx, used, now)
  return judged.map(outcomeOf)
}

function outcomeOf({ candidate, verdict, entry }: Judged): Outcome<Admission> {
  switch (verdict.outcome) {
    case 'known':
      return { value: { state: 'issued', der: verdict.der } }
    case 'ask':
    case 'sign':
      return { value: { state: 'signing', entry } }
    case 'begin':
    case 'wait':
      return { value: { state: 'pending' } }
    case 'suspended':
      return { error: new DomainError('device.suspended') }
    case 'refuse':
      return { error: new Refusal(verdict.reason, candidate.credentialId) }
  }
}

const ids = (items: readonly { readonly candidate: Candidate }[]) =>
  items.map(({ candidate }) => candidate.request.deviceId)

/** Inserts what is new, locks what is not, and says of each what its own row and its device say. */
async function judgeRows(tx: Db, round: readonly Candidate[], now: Date): Promise<Judged[]> {
  const fresh = round.filter(({ replay }) => !replay)
  const inserted = await tx.rows(insertEnrollments, [
    fresh.map(({ request }) => request.deviceId),
    fresh.map(({ requestId }) => requestId),
    fresh.map(({ credentialId }) => credentialId),
    fresh.map(({ request }) => request.origin.protocol),
    fresh.map(({ request }) => request.csr.der),
    now,
    new Date(Math.max(...round.map(({ until }) => until.getTime()))),
  ])
  const isNew = new Set(inserted.map(({ device_id }) => device_id))
  const old = round.filter(({ request }) => !isNew.has(request.deviceId))
  const rows = await tx.rows(lockEnrollments, [
    old.map(({ request }) => request.deviceId),
    old.map(({ requestId }) => requestId),
  ])
  const known = new Map(rows.map((row) => [row.device_id, row]))
  const issued = await readCertificates(tx, rows, now)
  const devices = await tx.rows(readDevices, [round.map(({ request }) => request.deviceId)])
  const device = new Map(devices.map((row) => [row.device_id, row]))
  return round.map((candidate) => {
    const { deviceId } = candidate.request
    const row = known.get(deviceId)
    const own: Verdict = row
      ? judgeKnown(row, issued.get(deviceId))
      : { outcome: 'begin', approved: false }
    const verdict = judgeDevice(device.get(deviceId)) ?? (candidate.replay ? replay(own) : own)
    const enrolled = device.get(deviceId)?.enrolled === true
    return { candidate, before: row?.state, enrolled, verdict }
  })
}

async function readCertificates(
  tx: Db,
  rows: readonly LockedRow[],
  now: Date,
): Promise<Map<string, IssuedRow>> {
  const some = rows.flatMap(({ device_id, serial }) => (serial ? [{ device_id, serial }] : []))
  if (some.length === 0) return new Map()
  const issued = await tx.rows(readIssued, [
    some.map(({ device_id }) => device_id),
    some.map(({ serial }) => serial),
    now,
  ])
  return new Map(issued.map((row) => [row.device_id, row]))
}

const replay = (verdict: Verdict): Verdict =>
  verdict.outcome === 'begin' ? { outcome: 'refuse', reason: 'replayed' } : verdict

/** Key and allowlist of what is to begin: it is signed, counting a use of its entry, or waits for an operator. */
async function judgeNew(deps: AdmitDeps, tx: Db, judged: readonly Judged[]): Promise<void> {
  const begun = judged.filter(({ verdict }) => verdict.outcome === 'begin')
  if (begun.length === 0) return
  const keys = begun.map(({ candidate }) => sha256(candidate.request.csr.key.spki))
  const owners = await tx.rows(readKeyOwners, [keys])
  const wanted = begun.flatMap(({ candidate }) => allowlistKeys(candidate.request))
  const entries = await tx.rows(lockAllowlist, [
    wanted.map(({ value }) => value),
    wanted.map(({ match }) => match),
  ])
  const byKey = new Map(entries.map((row) => [keyOf(row), row]))
  const now = deps.clock.now()
  for (const [at, item] of begun.entries()) {
    const key = keys[at]
    const own = owners.filter((owner) => key && owner.spki_sha256.equals(key))
    const fault = judgeKey(own, item.candidate.request.deviceId)
    const isOthers = item.enrolled && own.length === 0
    const chosen = fault ?? chooseEntry(byKey, item.candidate, { now, isOthers })
    if (typeof chosen === 'string') item.verdict = { outcome: 'refuse', reason: chosen }
    else if (!waits(deps, item.verdict, chosen)) begin(item, chosen)
  }
  const used = [...new Set(begun.flatMap(({ entry }) => entry ?? []))]
  await tx.rows(useAllowlist, [
    used.map(({ value }) => value),
    used.map(({ match }) => match),
    used.map(({ uses }) => uses),
  ])
}

function begin(item: Judged, entry: AllowlistRow): void {
  entry.uses += 1
  item.entry = entry
  item.verdict = { outcome: 'sign' }
}

const waits = ({ approval }: AdmitDeps, verdict: Verdict, entry: AllowlistRow): boolean =>
  verdict.outcome === 'begin' && !verdict.approved && (approval || entry.state === 'pending')

/** Writes how each row now stands, save those that are answered from before. */
async function settle(tx: Db, judged: readonly Judged[]): Promise<void> {
  const changed = judged.filter(writes)
  if (changed.length === 0) return
  await tx.rows(settleEnrollments, [
    ids(changed),
    changed.map(({ candidate }) => candidate.requestId),
    changed.map(({ verdict }) => stateOf(verdict)),
    changed.map(({ verdict }) => reasonOf(verdict)),
    changed.map(({ candidate }) => candidate.credentialId),
    changed.map(({ candidate }) => candidate.request.csr.der),
    new Date(Math.max(...changed.map(({ candidate }) => candidate.until.getTime()))),
  ])
}

// What was issued stays so when the device is refused later: the audit log has the refusal. A replay has no row of its own.
function writes({ verdict, before, candidate }: Judged): boolean {
  if (verdict.outcome === 'sign' || verdict.outcome === 'begin') return true
  const refused = verdict.outcome === 'refuse' || verdict.outcome === 'suspended'
  return refused && !candidate.replay && (before === undefined || before === 'rejected')
}

function stateOf({ outcome }: Verdict): EnrollmentState {
  if (outcome === 'sign') return 'signing'
  return outcome === 'begin' ? 'pending' : 'rejected'
}

function reasonOf(verdict: Verdict): Reason | null {
  if (verdict.outcome === 'suspended') return 'device_suspended'
  return verdict.outcome === 'refuse' ? verdict.reason : null
}

async function makeDevices(tx: Db, signing: readonly Judged[]): Promise<void> {
  if (signing.length === 0) return
  await tx.rows(insertDevices, [
    ids(signing),
    signing.map(
      ({ candidate, entry }) => entry?.hardware_rev ?? candidate.request.hardwareRev ?? '',
    ),
    signing.map(({ candidate }) => candidate.request.firmwareVer ?? ''),
    'local',
  ])
}
