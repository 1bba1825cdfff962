import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkRevision, type Expected } from '../revision.ts'
import { deleteCredential, lockCredential, updateCredential } from './queries.ts'

export interface CredentialChange {
  readonly enabled?: boolean | undefined
  readonly expiresAt?: Date | undefined
  /** null: any. */
  readonly hardwareRevs?: readonly string[] | null | undefined
  readonly networks?: readonly string[] | null | undefined
}

async function lock(tx: Db, name: string, expected: Expected): Promise<void> {
  const row = await tx.row(lockCredential, [name])
  if (row === undefined) throw new DomainError('credential.not_found', { credentials: [name] })
  checkRevision(expected, row.revision)
}

/** Throws credential.not_found, request.precondition_failed. */
export async function changeCredential(
  tx: Db,
  acting: Acting,
  name: string,
  change: CredentialChange,
  expected: Expected,
): Promise<void> {
  await lock(tx, name, expected)
  const { enabled = null, expiresAt = null, hardwareRevs, networks } = change
  await tx.rows(updateCredential, [
    name,
    enabled,
    expiresAt,
    hardwareRevs !== undefined,
    hardwareRevs ?? null,
    networks !== undefined,
    networks ?? null,
  ])
  const fields = Object.entries(change).flatMap(([field, value]) =>
    value === undefined ? [] : [field],
  )
  await audit(tx, { ...acting, verb: 'credential.change', target: name, detail: { fields } })
}

/** Whoever shows it from now on is refused. Throws credential.not_found, request.precondition_failed. */
export async function removeCredential(
  tx: Db,
  acting: Acting,
  name: string,
  expected: Expected,
): Promise<void> {
  await lock(tx, name, expected)
  await tx.rows(deleteCredential, [name])
  await audit(tx, { ...acting, verb: 'credential.delete', target: name })
}
