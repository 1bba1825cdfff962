import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { certificatePem } from '../pki/pem.ts'
import { parseSerial, serialText } from '../pki/serial.ts'
import { listCertificates, readCertificateRow, type CertificateRow } from './queries.ts'

/** A device's certificate as it is shown. */
export interface CertificateView {
  /** Hex, upper case. */
  readonly serial: string
  readonly device_id: string
  readonly profile: string
  readonly state: 'active' | 'superseded' | 'revoked' | 'expired'
  readonly not_before: string
  readonly expires_at: string
  readonly renew_at: string
  /** The bootstrap credential that it was enrolled with; null: renewed. */
  readonly credential: string | null
  readonly sha256: string
}

function toView(row: CertificateRow, now: Date): CertificateView {
  return {
    serial: serialText(row.serial),
    device_id: row.device_id,
    profile: row.profile,
    state: row.state !== 'revoked' && row.not_after <= now ? 'expired' : row.state,
    not_before: row.not_before.toISOString(),
    expires_at: row.not_after.toISOString(),
    renew_at: row.renew_at.toISOString(),
    credential: row.credential_id,
    sha256: row.sha256.toString('hex'),
  }
}

export interface CertificateFilter {
  readonly deviceId?: string | undefined
  readonly state?: string | undefined
  readonly expiresBefore?: Date | undefined
}

/** In order of device and serial. */
export async function pageCertificates(
  db: Db,
  { deviceId, state, expiresBefore }: CertificateFilter,
  page: { after: readonly (string | null)[] | undefined; limit: number; now: Date },
): Promise<CertificateView[]> {
  const [device = null, serial = null] = page.after ?? []
  const rows = await db.rows(listCertificates, [
    deviceId ?? null,
    state ?? null,
    expiresBefore ?? null,
    device,
    serial,
    page.limit,
  ])
  return rows.map((row) => toView(row, page.now))
}

/** One certificate with its text. Throws certificate.not_found. */
export async function findCertificate(
  db: Db,
  serial: string,
  now: Date,
): Promise<CertificateView & { pem: string }> {
  const bytes = parseSerial(serial)
  const row = bytes && (await db.row(readCertificateRow, [bytes]))
  if (row === undefined) throw new DomainError('certificate.not_found')
  return { ...toView(row, now), pem: certificatePem(row.der) }
}
