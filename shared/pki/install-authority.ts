import type { KeyObject } from 'node:crypto'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { isSignedBy, readCertificate, type Certificate } from './certificate-read.ts'
import { readCrl } from './crl-read.ts'
import { DerError } from './der-read.ts'
import { opensWith } from './issuer.ts'
import { blocks } from './pem.ts'
import {
  activateIssuer,
  insertIssuer,
  lockInstall,
  raiseCrlNumber,
  readIssuers,
  saveCrl,
  type IssuerRow,
} from './queries.ts'

/** Certificates of a day above which nothing is signed: a front function that fell can ask for no more. */
const DAILY_QUOTA = 200_000n
export const PUBLIC_SHARD = 0
export const BROKER_SHARD = 1

/** The device authorities as they came from the ceremony: PEM of root, issuing and next authorities, and their CRLs. */
export interface Bundle {
  readonly certificates: readonly Certificate[]
  readonly crls: readonly Buffer[]
}

/** Reads the bundle and checks that it is one hierarchy. */
export function readBundle(pem: string): Bundle {
  const certificates = blocks(pem, ['CERTIFICATE']).map((der) => readCertificate(der))
  const root = certificates.find((each) => each.subject.equals(each.issuer))
  const strangers = certificates.filter((each) => !root || !isSignedBy(each, root))
  if (!root || strangers.length > 0) throw new DerError('the authorities have not one root')
  return { certificates, crls: blocks(pem, ['X509 CRL']) }
}

/**
 * Enters authorities that the database does not know yet, with their first CRLs, and makes the one active whose key comes first.
 * Repeatable; several at once wait for each other.
 */
export async function installAuthority(
  { db }: { db: Database },
  bundle: Bundle,
  keys: readonly KeyObject[],
): Promise<void> {
  await transaction(db, async (tx) => {
    await tx.rows(lockInstall, [])
    const known = await tx.rows(readIssuers, [])
    for (const certificate of bundle.certificates) await enter(tx, known, certificate)
    const rows = await tx.rows(readIssuers, [])
    for (const der of bundle.crls) await enterCrl(tx, rows, der)
    const [first] = keys
    const active = rows.find(
      (row) => row.state !== 'root' && first && opensWith(readCertificate(row.certificate), first),
    )
    // Never back: an instance whose secret is still the old one would undo a rollover.
    if (active?.state === 'next') await tx.rows(activateIssuer, [active.issuer_id])
  })
}

async function enter(tx: Db, known: IssuerRow[], certificate: Certificate): Promise<void> {
  if (known.some((row) => row.certificate.equals(certificate.der))) return
  const root = certificate.subject.equals(certificate.issuer)
  const id = known.reduce((most, row) => Math.max(most, row.issuer_id), 0) + 1
  const state = root ? 'root' : 'next'
  const keyName = root ? 'offline' : 'ca-issuing-key'
  const { der, notAfter } = certificate
  await tx.rows(insertIssuer, [id, der, keyName, state, notAfter, DAILY_QUOTA])
  known.push({
    issuer_id: id,
    certificate: der,
    key_name: keyName,
    state,
    not_after: notAfter,
    crl_number: 0n,
  })
}

async function enterCrl(tx: Db, rows: readonly IssuerRow[], der: Buffer): Promise<void> {
  const crl = readCrl(der)
  const issuer = rows.find((row) => readCertificate(row.certificate).subject.equals(crl.issuer))
  if (!issuer) throw new DerError('a CRL of no authority here')
  for (const shard of [PUBLIC_SHARD, BROKER_SHARD]) {
    await tx.rows(saveCrl, [
      issuer.issuer_id,
      shard,
      crl.number,
      crl.thisUpdate,
      crl.nextUpdate,
      der,
    ])
  }
  await tx.rows(raiseCrlNumber, [issuer.issuer_id, crl.number])
}
