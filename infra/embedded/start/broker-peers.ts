import { createHash, type X509Certificate } from 'node:crypto'
import { readCertificateOwner } from '../../../shared/access/queries.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { Database } from '../../../shared/db/database.ts'
import { deviceId } from '../../../shared/device-id.ts'
import type { BrokerPeer } from '../broker-gate.ts'
import type { BrokerIdentity } from '../broker-topics.ts'

const OVERLAP_MS = 7 * 86_400_000

interface PeerDeps {
  /** As role `broker-agent`. */
  readonly db: Database
  readonly clock: Clock
  /** The authority of service accounts. */
  readonly service: X509Certificate
}

/** The sole common name, when it is a name at all. */
function nameOf(certificate: X509Certificate): string | undefined {
  const { CN } = certificate.toLegacyObject().subject
  return typeof CN === 'string' ? deviceId(CN) : undefined
}

/**
 * Who a client of the broker is: a device whose very certificate the registry holds and which is active, or a service
 * account by its authority. Undefined: refused.
 */
export async function admitPeer(
  { db, clock, service }: PeerDeps,
  { certificate }: BrokerPeer,
): Promise<BrokerIdentity | undefined> {
  const id = nameOf(certificate)
  if (id === undefined) return undefined
  if (certificate.checkIssued(service) && certificate.verify(service.publicKey))
    return { kind: 'service', id }
  const serial = Buffer.from(certificate.serialNumber, 'hex')
  const sha256 = createHash('sha256').update(certificate.raw).digest()
  const overlapFrom = new Date(clock.now().getTime() - OVERLAP_MS)
  const row = await db.row(readCertificateOwner, [serial, sha256, overlapFrom])
  if (row === undefined || row.device_id !== id || row.status !== 'active') return undefined
  const standing = row.state === 'active' || (row.state === 'superseded' && !row.replaced)
  return standing ? { kind: 'device', id } : undefined
}
