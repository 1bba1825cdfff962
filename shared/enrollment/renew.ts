import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { gather } from '../gather.ts'
import type { InternalCall } from '../host.ts'
import { verifyCsr, type Csr } from '../pki/csr.ts'
import { sha256 } from '../pki/key.ts'
import { readProfileNamed } from '../pki/read-authorities.ts'
import { parseSerial } from '../pki/serial.ts'
import { readKeyOwners } from './admit-queries.ts'
import { askAuthority, type Ask } from './ask-authority.ts'
import { judgeKey, namesAnother } from './judge.ts'
import { beginRenewal, readRenewed } from './renew-queries.ts'
import { requestId, type Origin } from './request.ts'

export interface RenewRequest {
  readonly deviceId: DeviceId
  /** Serial, in hex, of the certificate that the device showed. */
  readonly serial: string
  readonly csr: Csr
  readonly origin: Origin
}

export interface RenewDeps {
  readonly db: Database
  readonly clock: Clock
  readonly call: InternalCall
}

export type Renew = (request: RenewRequest) => Promise<Buffer>

const DAY_MS = 86_400_000
const MOST = 200

/**
 * Renewal by the certificate that is being renewed: same names, the same key or a new one. The device is known, so it is told what is wrong with its
 * request. Repeated with the same key for the same certificate, the answer is the same.
 */
export function createRenew(deps: RenewDeps): Renew {
  const asked = gather<Ask, Buffer>(MOST, (asks) => askAuthority(deps.call, asks))
  return async ({ deviceId, serial: text, csr, origin }) => {
    if (csr.wantsAuthority || namesAnother(csr, deviceId)) {
      throw new DomainError('csr.invalid', { detail: 'it names other than the certificate' })
    }
    if (!verifyCsr(csr))
      throw new DomainError('csr.invalid', { detail: 'its signature is not valid' })
    const renews = parseSerial(text)
    if (!renews) throw new DomainError('auth.required')
    const profile = await begin(deps, { deviceId, renews, csr, origin })
    return asked({
      deviceId,
      request: requestId(csr.key.spki, profile, renews),
      profile,
      renews,
      actor: `device ${deviceId}`,
      source: origin.source,
      callId: origin.callId,
    })
  }
}

interface Begun {
  readonly deviceId: DeviceId
  readonly renews: Buffer
  readonly csr: Csr
  readonly origin: Origin
}

/** Writes the row that the authority signs; answers with the profile. */
async function begin(
  { db, clock }: RenewDeps,
  { deviceId, renews, csr, origin }: Begun,
): Promise<string> {
  return transaction(db, async (tx) => {
    const old = await tx.row(readRenewed, [deviceId, renews])
    if (!old) throw new DomainError('auth.required')
    const profile = await readProfileNamed(db, old.profile)
    const spki = sha256(csr.key.spki)
    if (profile.rekey === 'require' && spki.equals(old.spki_sha256)) {
      throw new DomainError('csr.invalid', { detail: 'a new key is required' })
    }
    if (judgeKey(await tx.rows(readKeyOwners, [[spki]]), deviceId) !== undefined) {
      throw new DomainError('csr.invalid', { detail: 'the key cannot be used' })
    }
    const now = clock.now()
    await tx.rows(beginRenewal, [
      deviceId,
      requestId(csr.key.spki, old.profile, renews),
      origin.protocol,
      csr.der,
      now,
      new Date(now.getTime() + (profile.lifetime_days + 1) * DAY_MS),
    ])
    return old.profile
  })
}
