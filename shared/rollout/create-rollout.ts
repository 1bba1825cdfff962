import type { Acting } from '../access/acting.ts'
import { readRelease } from '../artifact/releases.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { readQuery } from '../device/selection.ts'
import { DomainError } from '../errors.ts'
import type { Warning } from '../query/check.ts'
import { checkRevision } from '../revision.ts'
import { changeRollout, illegal, tellStatus, type Wish } from './change-rollout.ts'
import {
  deleteRollout,
  dropGroups,
  editRollout,
  insertRollout,
  lockRollout,
  writeGroups,
} from './queries.ts'
import { readRollout } from './read-rollout.ts'
import type { Rollout, RolloutKind, RolloutStatus } from './rollout.ts'
import { SaidRules, toRules, type Rules } from './rules.ts'

export interface NewRollout extends SaidRules {
  readonly name: string
  /** Name or id. */
  readonly release: string
  readonly query: string
  readonly kind: RolloutKind
}

export interface Warned {
  readonly rollout: Rollout
  readonly warnings: readonly Warning[]
}

/** Where a rollout begins: the setting `rollout.approval` decides. */
const firstStatus = (approval: boolean): RolloutStatus =>
  approval ? 'waiting_for_approval' : 'ready'

const groupsOf = (rules: Rules): number[] => rules.groups.map((group) => group.percent)

/** Plans a release for the devices of a query; nothing moves before `start`. */
export async function createRollout(
  tx: Db,
  by: Acting,
  made: NewRollout,
  approval: boolean,
): Promise<Warned> {
  const { name, release, query, kind, ...said } = made
  const checked = await readQuery(tx, query)
  const rules = toRules(said)
  const { release_id: releaseId } = await readRelease(tx, release)
  const row = await tx.row(insertRollout, [
    ...([name, releaseId, checked.text, firstStatus(approval), kind] as const),
    ...([JSON.stringify(rules), by.actor] as const),
  ])
  if (row === undefined) throw new DomainError('rollout.exists')
  await tx.rows(writeGroups, [row.rollout_id, groupsOf(rules)])
  const detail = { release, query: checked.text }
  await audit(tx, { ...by, verb: 'rollout.create', target: name, detail })
  const rollout = await readRollout({ db: tx }, String(row.rollout_id))
  await tellStatus(tx, rollout)
  return { rollout, warnings: checked.warnings }
}

export type RolloutEdit = {
  readonly [K in keyof Omit<NewRollout, 'name'>]?: NewRollout[K] | undefined
}

/**
 * Changes what has not started. Whoever changes it is its author, and an approval does not outlive it.
 * @throws {DomainError} rollout.illegal_transition
 */
export async function changeRolloutPlan(
  tx: Db,
  { by, name, expected }: Wish,
  edit: RolloutEdit,
  approval: boolean,
): Promise<Rollout> {
  const status = firstStatus(approval)
  return changeRollout(tx, { verb: 'rollout.edit', by, name, expected }, async (before) => {
    const { release, query, kind, ...said } = edit
    const rules = toRules(edited(before.rules, said))
    const text = query === undefined ? before.query : (await readQuery(tx, query)).text
    const releaseId =
      release === undefined ? before.release_id : (await readRelease(tx, release)).release_id
    const row = await tx.row(editRollout, [
      ...([before.rollout_id, releaseId, text, status, kind ?? before.kind] as const),
      ...([JSON.stringify(rules), by.actor] as const),
    ])
    if (row === undefined) throw illegal(before, status, 'it has started')
    await tx.rows(dropGroups, [before.rollout_id])
    await tx.rows(writeGroups, [before.rollout_id, groupsOf(rules)])
    return { changed: Object.keys(edit) }
  })
}

function edited(rules: Rules, said: Partial<Record<keyof SaidRules, unknown>>): SaidRules {
  const given = Object.entries(said).filter(([, value]) => value !== undefined)
  return SaidRules.parse({ ...rules, ...Object.fromEntries(given) })
}

/** Deletes what has not started; what has is kept, for the record. */
export async function removeRollout(tx: Db, { by, name, expected }: Wish): Promise<void> {
  const rollout = await readRollout({ db: tx }, name)
  const locked = await tx.row(lockRollout, [rollout.rollout_id])
  checkRevision(expected, locked?.revision ?? rollout.revision)
  await tx.rows(dropGroups, [rollout.rollout_id])
  const row = await tx.row(deleteRollout, [rollout.rollout_id])
  if (row === undefined) throw illegal(rollout, 'stopped', 'it has started: stop it instead')
  await audit(tx, { ...by, verb: 'rollout.delete', target: rollout.name })
}
