import { statement } from '../../shared/db/statement.ts'

export const readDeviceAuthorities = statement<[], { issuer_id: number; certificate: Buffer }>(
  'edge_authorities_read',
  `select issuer_id, certificate from issuers where state <> 'root' and not_after > now() order by issuer_id`,
)

export const readBootstrapCertificates = statement<[], { certificate: Buffer }>(
  'edge_bootstrap_certificates_read',
  `select certificate from bootstrap_credentials
    where kind in ('claim', 'idevid') and certificate is not null and enabled and expires_at > now()`,
)

export interface RevokedRow {
  issuer_id: number
  serial: Buffer
  revoked_at: Date
}

export const readRevokedSince = statement<[since: Date], RevokedRow>(
  'edge_revoked_read',
  `select issuer_id, serial, revoked_at from revocations where revoked_at >= $1::timestamptz`,
)
