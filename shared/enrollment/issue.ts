import { auditAll } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId as asDeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emitAll } from '../event/emit.ts'
import type { Outcome } from '../gather.ts'
import type { Certificate } from '../pki/certificate-read.ts'
import { readCsr, verifyCsr } from '../pki/csr.ts'
import { renewAt, signDeviceCertificate } from '../pki/device-certificate.ts'
import { sha256 } from '../pki/key.ts'
import type { Profile } from '../pki/profile.ts'
import { countIssued } from '../pki/quota.ts'
import { serialText } from '../pki/serial.ts'
import type { Signer, SigningAuthority } from '../pki/signer.ts'
import { readIssued, readKeyOwners } from './admit-queries.ts'
import {
  insertIssued,
  lockDevices,
  lockToSign,
  readRenewable,
  type ToSignRow,
} from './issue-queries.ts'
import { judgeKey, namesAnother } from './judge.ts'
import { certificatesIssued } from './metrics.ts'
import { Refusal, refused } from './refusal.ts'
import { requestId } from './request.ts'

/** What a front function asks the authority for: the row is the request, so nothing of it is taken on trust. */
export interface IssueRequest {
  readonly deviceId: string
  readonly request: Buffer
  readonly profileName: string
  readonly profile: Profile
  /** The serial that is being renewed. */
  readonly renews: Buffer | undefined
  readonly actor: string
  readonly source: string
  readonly callId: string
}

export interface IssueDeps {
  readonly db: Database
  readonly clock: Clock
  readonly signer: Signer
}

interface Signed {
  readonly request: IssueRequest
  readonly row: ToSignRow
  readonly certificate: Certificate
}

/**
 * Signs what stands as `signing`, in one transaction: no certificate leaves that the registry does not know. A request that was issued before is
 * answered with the same certificate. All rules are applied again here, whatever the caller checked.
 */
export async function issueCertificates(
  deps: IssueDeps,
  requests: readonly IssueRequest[],
): Promise<Outcome<Buffer>[]> {
  const outcomes = new Map<IssueRequest, Outcome<Buffer>>()
  for (const round of oncePerDevice(requests)) {
    const authority = await deps.signer.active()
    const done = await transaction(deps.db, (tx) => issueRound(deps, tx, authority, round))
    for (const [request, outcome] of done.outcomes) outcomes.set(request, outcome)
    for (const request of done.signed) {
      certificatesIssued.inc({ for: request.renews ? 'renewal' : 'enrollment' })
    }
  }
  return requests.map((request) => outcomes.get(request) ?? { error: new Error('not signed') })
}

function oncePerDevice(requests: readonly IssueRequest[]): IssueRequest[][] {
  const rounds: IssueRequest[][] = []
  for (const request of requests) {
    const round = rounds.find((each) => each.every((other) => other.deviceId !== request.deviceId))
    if (round) round.push(request)
    else rounds.push([request])
  }
  return rounds
}

interface Round {
  readonly outcomes: ReadonlyMap<IssueRequest, Outcome<Buffer>>
  readonly signed: readonly IssueRequest[]
}

async function issueRound(
  deps: IssueDeps,
  tx: Db,
  authority: SigningAuthority,
  round: readonly IssueRequest[],
): Promise<Round> {
  const rows = await tx.rows(lockToSign, [
    round.map(({ deviceId }) => deviceId),
    round.map(({ request }) => request),
  ])
  const devices = await tx.rows(lockDevices, [round.map(({ deviceId }) => deviceId)])
  const status = new Map(devices.map((row) => [row.device_id, row.status]))
  const byDevice = new Map(rows.map((row) => [row.device_id, row]))
  const owners = await readOwners(tx, rows)
  const renewable = await readStanding(tx, round)
  const issued = await readCertificates(tx, rows, deps.clock.now())
  const outcomes = new Map<IssueRequest, Outcome<Buffer>>()
  const signed: Signed[] = []
  for (const request of round) {
    const row = byDevice.get(request.deviceId)
    try {
      const der = row?.state === 'issued' ? issued.get(row.device_id)?.der : undefined
      if (der) outcomes.set(request, { value: der })
      else {
        if (request.renews && !renewable.has(request.deviceId)) {
          throw new DomainError('auth.required')
        }
        const key = { row, owners, status: status.get(request.deviceId) }
        signed.push(sign(deps, authority, request, key))
      }
    } catch (error) {
      outcomes.set(request, { error })
    }
  }
  await store(tx, authority, signed)
  for (const { request, certificate } of signed) outcomes.set(request, { value: certificate.der })
  return { outcomes, signed: signed.map(({ request }) => request) }
}

async function readCertificates(tx: Db, rows: readonly ToSignRow[], now: Date) {
  const some = rows.flatMap(({ device_id, serial }) => (serial ? [{ device_id, serial }] : []))
  const found = await tx.rows(readIssued, [
    some.map(({ device_id }) => device_id),
    some.map(({ serial }) => serial),
    now,
  ])
  return new Map(found.map((row) => [row.device_id, row]))
}

/** The devices whose certificate that is being renewed was not revoked meanwhile. */
async function readStanding(tx: Db, round: readonly IssueRequest[]): Promise<Set<string>> {
  const some = round.flatMap(({ deviceId, renews }) => (renews ? [{ deviceId, renews }] : []))
  if (some.length === 0) return new Set()
  const rows = await tx.rows(readRenewable, [
    some.map(({ deviceId }) => deviceId),
    some.map(({ renews }) => renews),
  ])
  return new Set(rows.map(({ device_id }) => device_id))
}

type Owners = Awaited<ReturnType<typeof readOwners>>

function readOwners(tx: Db, rows: readonly ToSignRow[]) {
  const keys = rows.flatMap(({ csr }) => (csr ? [sha256(readCsr(csr).key.spki)] : []))
  return tx.rows(readKeyOwners, [keys])
}

function sign(
  { clock }: IssueDeps,
  authority: SigningAuthority,
  request: IssueRequest,
  known: { row: ToSignRow | undefined; owners: Owners; status: string | undefined },
): Signed {
  const { row, status } = known
  const { deviceId, profile, profileName, renews } = request
  if (status === 'suspended') throw new DomainError('device.suspended')
  if (row?.state !== 'signing' || !row.csr || status !== 'active') {
    throw new DomainError('enrollment.not_found')
  }
  const csr = readCsr(row.csr)
  if (!requestId(csr.key.spki, profileName, renews).equals(request.request) || !verifyCsr(csr)) {
    throw new DomainError('csr.invalid', { detail: 'the request is not the one that was admitted' })
  }
  const spki = sha256(csr.key.spki)
  const own = known.owners.filter(({ spki_sha256 }) => spki_sha256.equals(spki))
  const isAuthority = csr.key.spki.equals(authority.certificate.key.spki)
  const fault = isAuthority ? 'request_key' : judgeKey(own, deviceId)
  if (fault !== undefined) throw refused(new Refusal(fault))
  if (csr.wantsAuthority || namesAnother(csr, deviceId)) throw refused(new Refusal('request_name'))
  const certificate = signDeviceCertificate(authority.issuer, {
    profile,
    deviceId,
    key: csr.key,
    now: clock.now(),
  })
  return { request, row, certificate }
}

async function store(
  tx: Db,
  { issuerId }: SigningAuthority,
  signed: readonly Signed[],
): Promise<void> {
  if (signed.length === 0) return
  const certificates = signed.map(({ certificate }) => certificate)
  await tx.rows(insertIssued, [
    signed.map(({ request }) => request.deviceId),
    signed.map(({ request }) => request.request),
    certificates.map(({ serial }) => serial),
    certificates.map(({ der }) => sha256(der)),
    certificates.map(({ key }) => sha256(key.spki)),
    signed.map(({ request }) => request.profileName),
    certificates.map(({ notBefore }) => notBefore),
    certificates.map(({ notAfter }) => notAfter),
    certificates.map((certificate) => renewAt(certificate, Math.random())),
    signed.map(({ row }) => row.credential_id),
    certificates.map(({ der }) => der),
    issuerId,
  ])
  await auditAll(tx, signed.map(auditRecord))
  await emitAll(
    tx,
    signed.flatMap(({ request, certificate }) => {
      const deviceId = asDeviceId(request.deviceId)
      const kind = request.renews ? 'certificate.renewed' : 'certificate.issued'
      const serial = serialText(certificate.serial)
      return deviceId ? [{ kind, deviceId, payload: { serial } }] : []
    }),
  )
  await countIssued(tx, issuerId, signed.length)
}

function auditRecord({ request, row, certificate }: Signed) {
  return {
    actor: request.actor,
    source: request.source,
    callId: request.callId,
    verb: request.renews ? 'certificate.renew' : 'certificate.issue',
    target: request.deviceId,
    detail: {
      serial: serialText(certificate.serial),
      profile: request.profileName,
      protocol: row.protocol,
    },
  }
}
