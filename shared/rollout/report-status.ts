import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import type { DeviceId } from '../device-id.ts'
import type { ActionState, ReportedState } from './action.ts'
import { readStandings, type StandingRow } from './action-queries.ts'
import { moveAll, type Move, type Told } from './move-actions.ts'
import { apply, sameVersion } from './report.ts'
import { recordVersions } from './reported-version.ts'

/** A device's word about one of its actions. */
export interface StatusReport {
  readonly deviceId: DeviceId
  readonly number: number
  readonly state: ReportedState
  readonly progress?: number | undefined
  readonly code?: number | undefined
  readonly messages?: readonly string[] | undefined
  readonly firmwareVer?: string | undefined
}

/** `conflict`: someone moved the action meanwhile; ask again. */
export type Reported =
  | 'applied'
  | 'conflict'
  | { readonly refused: 'action.not_found' | 'device.suspended' }
  | { readonly refused: 'action.illegal_transition'; readonly state: ActionState }

interface Deps {
  readonly db: Database
}

const MESSAGES_MAX = 8_192

interface Course {
  readonly row: StandingRow & { readonly status: string }
  state: ActionState
  agentVerdict: string | null
  moved: boolean
}

const keyOf = ({ deviceId, number }: Pick<StatusReport, 'deviceId' | 'number'>): string =>
  `${number} ${deviceId}`

/**
 * Takes a batch of reports, in their order: states, history, ends and versions commit together. Answers one result for each. The version
 * that a device says is the registry's also where its report is refused.
 */
export function reportStatuses(
  { db }: Deps,
  reports: readonly StatusReport[],
): Promise<Reported[]> {
  return transaction(db, async (tx) => {
    const courses = await readCourses(tx, reports)
    const told: Told[] = []
    const results = reports.map((report) => take(report, courses.get(keyOf(report)), told))
    await recordVersions(
      tx,
      reports.flatMap(({ deviceId, firmwareVer }) =>
        firmwareVer === undefined ? [] : [{ deviceId, version: firmwareVer }],
      ),
    )
    const lost = await write(tx, [...courses.values()], told)
    return results.map((result, index) => {
      const report = reports[index]
      return report !== undefined && result === 'applied' && lost.has(keyOf(report))
        ? 'conflict'
        : result
    })
  })
}

async function readCourses(tx: Db, reports: readonly StatusReport[]): Promise<Map<string, Course>> {
  const unique = [...new Map(reports.map((report) => [keyOf(report), report])).values()]
  const rows = await tx.rows(readStandings, [
    unique.map((report) => report.deviceId),
    unique.map((report) => report.number),
  ])
  return new Map(
    rows.map((row) => [
      `${row.number} ${row.device_id}`,
      { row, state: row.state, agentVerdict: row.agent_verdict, moved: false },
    ]),
  )
}

function take(report: StatusReport, course: Course | undefined, told: Told[]): Reported {
  if (course === undefined) return { refused: 'action.not_found' }
  if (course.row.status !== 'active') return { refused: 'device.suspended' }
  const standing = {
    state: course.state,
    agentVerdict: course.agentVerdict,
    version: course.row.version,
  }
  const outcome = apply(standing, report, sameVersion)
  if (outcome.kind === 'refused') {
    return { refused: 'action.illegal_transition', state: course.state }
  }
  if (outcome.kind === 'same') return 'applied'
  Object.assign(course, { ...outcome, moved: true })
  told.push({
    deviceId: report.deviceId,
    number: report.number,
    state: outcome.state,
    code: report.code ?? null,
    progress: report.progress ?? null,
    messages: textOf(report.messages),
  })
  return 'applied'
}

// PostgreSQL keeps no NUL in a text.
const textOf = (messages: readonly string[] | undefined): string | null =>
  messages?.join('\n').slice(0, MESSAGES_MAX).replaceAll('\0', '\ufffd').toWellFormed() ?? null

/** Writes what moved; answers what someone else had moved meanwhile. */
async function write(
  tx: Db,
  courses: readonly Course[],
  told: readonly Told[],
): Promise<Set<string>> {
  const moves = courses
    .filter((course) => course.moved)
    .map(({ row, state, agentVerdict }): Move => ({ action: row, to: state, agentVerdict }))
  const moved = await moveAll(tx, moves, told)
  const done = new Set(moved.map((row) => `${row.number} ${row.device_id}`))
  const keys = moves.map(({ action }) => `${action.number} ${action.device_id}`)
  return new Set(keys.filter((key) => !done.has(key)))
}
