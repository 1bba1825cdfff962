import { statement } from '../db/statement.ts'

export interface CertificateRow {
  device_id: string
  serial: Buffer
  profile: string
  state: 'active' | 'superseded' | 'revoked'
  not_before: Date
  not_after: Date
  renew_at: Date
  credential_id: string | null
  sha256: Buffer
  der: Buffer
}

const COLUMNS =
  'device_id, serial, profile, state, not_before, not_after, renew_at, credential_id, sha256, der'

export const listCertificates = statement<
  [
    deviceId: string | null,
    state: string | null,
    expiresBefore: Date | null,
    afterDevice: string | null,
    afterSerial: string | null,
    limit: number,
  ],
  CertificateRow
>(
  'certificates_list',
  `select ${COLUMNS} from certificates
    where ($1::text is null or device_id = $1::text) and ($2::text is null or state = $2::text)
      and ($3::timestamptz is null or not_after < $3::timestamptz)
      and ($4::text is null or (device_id, serial) > ($4::text, decode($5::text, 'hex')))
    order by device_id, serial limit $6::int`,
)

export const readCertificateRow = statement<[serial: Buffer], CertificateRow>(
  'certificate_read',
  `select ${COLUMNS} from certificates where serial = $1::bytea`,
)
