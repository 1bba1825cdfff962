import { audit } from '../../shared/audit/record.ts'
import type { Database, Db } from '../../shared/db/database.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { readCertificate } from '../../shared/pki/certificate-read.ts'
import { isCrlOf, readCrl, revokedSerials, type Crl } from '../../shared/pki/crl-read.ts'
import { raiseCrlNumber, readIssuers, type IssuerRow } from '../../shared/pki/queries.ts'
import { freeSlots, raiseEpochs, raiseVersions, readNumbers, revokeAgain } from './queries.ts'

const VERSIONS = 1_000_000
const EPOCHS = 10_000
const CRLS = 1_000n

/** Why nothing was changed. */
export class RecoveryFault extends Error {}

export interface Restored {
  /** Certificates that were revoked after the backup, and are again. */
  readonly revoked: number
  /** Revoked serials of certificates that the backup does not know. */
  readonly unknown: number
  readonly shadows: number
}

/**
 * Brings a restored database in step with what the world has seen of the lost one: revocations by the CRLs that were published, numbers past those
 * that may have been used. All or nothing; once more does no harm.
 * @throws {RecoveryFault}
 */
export async function afterRestore(db: Database, crls: readonly Buffer[]): Promise<Restored> {
  return transaction(db, async (tx) => {
    await checkNumbers(tx)
    const issuers = await tx.rows(readIssuers, [])
    const counts = { revoked: 0, unknown: 0 }
    for (const der of crls) {
      const found = await takeCrl(tx, issuers, readCrl(der))
      counts.revoked += Number(found?.revoked ?? 0)
      counts.unknown += Number(found?.unknown ?? 0)
    }
    const raised = await tx.row(raiseVersions, [VERSIONS])
    await tx.row(raiseEpochs, [EPOCHS])
    await tx.rows(freeSlots, [])
    const restored = { ...counts, shadows: Number(raised?.raised ?? 0) }
    await audit(tx, { actor: 'system', verb: 'database.restored', detail: { ...restored } })
    return restored
  })
}

/** Seals and readers of events go by transaction numbers: ones that begin anew would hide what is written now. */
async function checkNumbers(tx: Db): Promise<void> {
  const { now = '0', told = null } = (await tx.row(readNumbers, [])) ?? {}
  if (told === null || BigInt(now) >= BigInt(told)) return
  const epoch = (BigInt(told) >> 32n) + 1n
  throw new RecoveryFault(
    `transaction numbers begin anew (${now}, the audit log tells of ${told}): restore into a cluster after "pg_resetwal -e ${epoch}"`,
  )
}

async function takeCrl(tx: Db, issuers: readonly IssuerRow[], crl: Crl) {
  const issuer = issuers.find(({ certificate }) => isCrlOf(crl, readCertificate(certificate)))
  if (issuer === undefined) throw new RecoveryFault('a CRL is signed by none of the authorities')
  await tx.rows(raiseCrlNumber, [issuer.issuer_id, crl.number + CRLS])
  const serials = [...revokedSerials(crl)].map((serial) => Buffer.from(serial, 'hex'))
  return tx.row(revokeAgain, [issuer.issuer_id, serials, crl.thisUpdate])
}
