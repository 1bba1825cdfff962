import { readCertificate } from '../../shared/pki/certificate-read.ts'
import { isCrlOf, readCrl, revokedSerials, type Crl } from '../../shared/pki/crl-read.ts'
import { blocks, toPem } from '../../shared/pki/pem.ts'

/** A CRL as the database holds it, with the authority that must have signed it. */
export interface Candidate {
  readonly issuer_id: number
  readonly certificate: Buffer
  readonly der: Buffer
}

export interface CrlFile {
  readonly pem: string
  /** Serials that are revoked here and were not in the file before, in hex. */
  readonly added: readonly string[]
}

/** An expired CRL locks every device out: one that ends within two days is not taken any more, and is an alarm. */
const LEAST_LEFT_MS = 48 * 3_600_000

/** A file that must not be installed; the one before stays. */
export class CrlFault extends Error {}

/**
 * Checks the CRLs that are to become the broker's file: each signed by its authority, none older than the one it replaces, none about to end. A file the
 * broker cannot read would let revoked devices in, so the text is made of what was read, not of what came.
 */
export function nextCrlFile(
  before: string | undefined,
  candidates: readonly Candidate[],
  now: Date,
): CrlFile {
  const old = (before === undefined ? [] : blocks(before, ['X509 CRL'])).map((der) => readCrl(der))
  if (candidates.length === 0) throw new CrlFault('the database holds no CRL')
  const crls = candidates.map((candidate) => checked(candidate, old, now))
  const lost = old.filter((crl) => !crls.some((each) => each.issuer.equals(crl.issuer)))
  if (lost.some((crl) => crl.nextUpdate > now))
    throw new CrlFault('an authority has no CRL any more')
  const known = allSerials(old)
  const added = [...allSerials(crls)].filter((each) => !known.has(each))
  const pem = crls.map((crl) => toPem('X509 CRL', crl.der)).join('')
  return { pem, added: before === undefined ? [] : added }
}

function allSerials(crls: readonly Crl[]): Set<string> {
  const all = new Set<string>()
  for (const crl of crls) for (const serial of revokedSerials(crl)) all.add(serial)
  return all
}

function checked(
  { issuer_id: id, certificate, der }: Candidate,
  old: readonly Crl[],
  now: Date,
): Crl {
  const crl = readCrl(der)
  if (!isCrlOf(crl, readCertificate(certificate))) {
    throw new CrlFault(`the CRL of authority ${id} is not signed by it`)
  }
  const before = old.find(({ issuer }) => issuer.equals(crl.issuer))
  if (before && crl.number < before.number) {
    throw new CrlFault(
      `the CRL of authority ${id} is number ${crl.number}, ${before.number} is installed`,
    )
  }
  if (before && crl.number === before.number && !crl.der.equals(before.der)) {
    throw new CrlFault(`authority ${id} has two CRLs of number ${crl.number}`)
  }
  if (crl.nextUpdate.getTime() - now.getTime() < LEAST_LEFT_MS) {
    throw new CrlFault(`the CRL of authority ${id} ends within 48 hours`)
  }
  return crl
}
