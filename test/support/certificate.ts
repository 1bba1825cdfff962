// A certificate as some client may show it; who it belongs to is what the registry says, so it signs itself.
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import type { Database } from '../../shared/db/database.ts'

export interface ShownCertificate {
  readonly der: Buffer
  readonly serial: Buffer
  readonly sha256: Buffer
}

export function selfSigned(commonName: string): ShownCertificate {
  const key = 'ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null'.split(' ')
  const args = ['req', '-x509', '-newkey', ...key, '-subj', `/CN=${commonName}`, '-days', '2']
  const pem = execFileSync('openssl', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const certificate = new X509Certificate(pem)
  const der = Buffer.from(certificate.raw)
  return {
    der,
    serial: Buffer.from(certificate.serialNumber, 'hex'),
    sha256: createHash('sha256').update(der).digest(),
  }
}

export interface DeviceRow {
  readonly status?: string
  readonly hardwareRev?: string
  readonly firmwareVer?: string
}

/** A device as enrolment leaves it, without a certificate. */
export async function insertDevice(db: Database, id: string, row: DeviceRow = {}): Promise<void> {
  await db.unnamed(
    'device',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint, status)
     values ($1, $2, $3, '', 'infinity', 'local', $4)`,
    [id, row.hardwareRev ?? 'A', row.firmwareVer ?? '1.0.0', row.status ?? 'active'],
  )
}

/** Records the certificate as the device's. */
export async function insertCertificate(
  db: Database,
  deviceId: string,
  shown: ShownCertificate,
  row: { state?: string; notBefore?: Date; notAfter?: Date; usedAt?: Date } = {},
): Promise<void> {
  const day = 86_400_000
  await db.unnamed(
    'certificate',
    `insert into certificates (device_id, serial, issuer_id, sha256, spki_sha256, profile, not_before, not_after, renew_at, state, der, used_at)
     values ($1, $2, 1, $3, $3, 'device', $4, $5, $5, $6, $7, $8)`,
    [
      deviceId,
      shown.serial,
      shown.sha256,
      row.notBefore ?? new Date(Date.now() - day),
      row.notAfter ?? new Date(Date.now() + 90 * day),
      row.state ?? 'active',
      shown.der,
      row.usedAt ?? null,
    ],
  )
}
