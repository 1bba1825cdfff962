import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkRevision, type Expected } from '../revision.ts'
import { isSettingName, SETTINGS, type SettingName } from './definitions.ts'
import {
  dropSetting,
  listSettingRows,
  lockSetting,
  saveSetting,
  type SettingRow,
} from './queries.ts'

/** A setting as it is shown. */
export interface SettingView {
  readonly name: SettingName
  readonly value: unknown
  readonly default: unknown
  readonly about: string
  /** null: the default holds. */
  readonly updated_by: string | null
  readonly updated_at: string | null
}

export interface FoundSetting {
  readonly setting: SettingView
  /** 0: never said. */
  readonly revision: bigint
}

function toFound(name: SettingName, row: SettingRow | undefined): FoundSetting {
  const { fallback, about } = SETTINGS[name]
  const setting = {
    name,
    value: row === undefined ? fallback : row.value,
    default: fallback,
    about,
    updated_by: row?.updated_by ?? null,
    updated_at: row?.updated_at.toISOString() ?? null,
  }
  return { setting, revision: row?.revision ?? 0n }
}

/** Every setting there is, whether it was changed or not. */
export async function listSettings(db: Db): Promise<FoundSetting[]> {
  const rows = new Map((await db.rows(listSettingRows, [])).map((row) => [row.name, row]))
  return Object.keys(SETTINGS)
    .filter(isSettingName)
    .toSorted()
    .map((name) => toFound(name, rows.get(name)))
}

/** Throws setting.not_found. */
export async function findSetting(db: Db, name: string): Promise<FoundSetting> {
  const found = (await listSettings(db)).find(({ setting }) => setting.name === name)
  if (found === undefined) throw new DomainError('setting.not_found')
  return found
}

async function lock(tx: Db, name: string, expected: Expected): Promise<SettingName> {
  if (!isSettingName(name)) throw new DomainError('setting.not_found')
  const row = await tx.row(lockSetting, [name])
  checkRevision(expected, row?.revision ?? 0n)
  return name
}

/** Throws setting.not_found, request.invalid, request.precondition_failed. After the commit: `forgetSettings`. */
export async function changeSetting(
  tx: Db,
  acting: Acting,
  name: string,
  value: unknown,
  expected: Expected,
): Promise<void> {
  const known = await lock(tx, name, expected)
  const parsed = SETTINGS[known].schema.safeParse(value)
  if (!parsed.success) {
    const errors = parsed.error.issues.map((issue) => ({
      pointer: ['/value', ...issue.path.map(String)].join('/'),
      detail: issue.message,
    }))
    throw new DomainError('request.invalid', { errors })
  }
  await tx.row(saveSetting, [known, JSON.stringify(parsed.data), acting.actor])
  // A document may hold what is not for the log.
  const plain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
  const detail = plain ? { value } : {}
  await audit(tx, { ...acting, verb: 'setting.change', target: known, detail })
}

/** The default holds again. Throws setting.not_found, request.precondition_failed. */
export async function resetSetting(
  tx: Db,
  acting: Acting,
  name: string,
  expected: Expected,
): Promise<void> {
  const known = await lock(tx, name, expected)
  await tx.rows(dropSetting, [known])
  await audit(tx, { ...acting, verb: 'setting.reset', target: known })
}
