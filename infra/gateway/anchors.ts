import { createHash, X509Certificate } from 'node:crypto'
import type { Db } from '../../shared/db/database.ts'
import { readBootstrapCertificates, readDeviceAuthorities, readRevokedSince } from './queries.ts'
import { toAnchor, type Anchor, type Anchors } from './verdict.ts'

// A revocation becomes visible when its transaction commits, some time after the moment it names.
const OVERLAP_MS = 60_000

/**
 * What client certificates are judged by, from the database. A failed refresh leaves what was known: a verdict only
 * narrows, and each function asks the registry about each request.
 */
export class LiveAnchors implements Anchors {
  readonly #db: Db
  readonly #extra: readonly Anchor[]
  readonly #revoked = new Map<number, Set<string>>()
  #revokedSince = new Date(0)
  #issuerIds = new Map<string, number>()
  authorities: readonly Anchor[] = []
  pinned: ReadonlySet<string> = new Set()

  /** `authorities` as PEM: further ones whose certificates clients may show, such as the claim root. */
  constructor(db: Db, authorities: readonly string[] = []) {
    this.#db = db
    this.#extra = authorities.map((pem) => toAnchor(new X509Certificate(pem)))
  }

  isRevoked(authority: X509Certificate, serialNumber: string): boolean {
    const issuerId = this.#issuerIds.get(authority.fingerprint256)
    const serials = issuerId === undefined ? undefined : this.#revoked.get(issuerId)
    return serials?.has(plainSerial(serialNumber)) === true
  }

  /** Reads again; true when the authorities are others than before, so that the listener must offer them. */
  async refresh(): Promise<boolean> {
    const before = fingerprints(this.authorities)
    await Promise.all([this.#readAuthorities(), this.#readRevoked()])
    return fingerprints(this.authorities) !== before
  }

  async #readAuthorities(): Promise<void> {
    const [issuers, rows] = await Promise.all([
      this.#db.rows(readDeviceAuthorities, []),
      this.#db.rows(readBootstrapCertificates, []),
    ])
    const device: Anchor[] = []
    const issuerIds = new Map<string, number>()
    for (const { issuer_id, certificate } of issuers) {
      const anchor = toAnchor(new X509Certificate(certificate))
      device.push(anchor)
      issuerIds.set(anchor.certificate.fingerprint256, issuer_id)
    }
    const others = rows.flatMap(readCertificate)
    this.#issuerIds = issuerIds
    this.authorities = [...device, ...this.#extra, ...others.filter((o) => o.ca).map(toAnchor)]
    this.pinned = new Set(others.filter((o) => !o.ca).map((o) => sha256(o.raw)))
  }

  async #readRevoked(): Promise<void> {
    for (const row of await this.#db.rows(readRevokedSince, [this.#revokedSince])) {
      const serials = this.#revoked.get(row.issuer_id) ?? new Set<string>()
      this.#revoked.set(row.issuer_id, serials.add(plainSerial(row.serial.toString('hex'))))
      const since = new Date(row.revoked_at.getTime() - OVERLAP_MS)
      if (since > this.#revokedSince) this.#revokedSince = since
    }
  }
}

function fingerprints(anchors: readonly Anchor[]): string {
  return anchors.map(({ certificate }) => certificate.fingerprint256).join()
}

// OpenSSL writes a serial number without leading zeros, DER with one where the first bit is set.
function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+/, '')
}

function sha256(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

// One that cannot be read is nobody's: enrolment says so to the operator.
function readCertificate({ certificate }: { certificate: Buffer }): X509Certificate[] {
  try {
    return [new X509Certificate(certificate)]
  } catch {
    return []
  }
}
