import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { readHealthMarks, type HealthMarkRow } from './health-queries.ts'

export type HealthStatus = 'ok' | 'warning' | 'failed'

export interface HealthPart {
  readonly name: string
  readonly status: HealthStatus
  readonly at: string | null
  readonly problem: string | null
}

export interface Health {
  readonly status: HealthStatus
  readonly parts: readonly HealthPart[]
}

/** Parts that the asking function cannot reach write how they are; the database answers for itself. */
const MARKED = ['ca', 'broker', 'store']
const STALE_MS = 60_000
// Heard of each minute: one that is missed, or comes late, is no failure yet.
const STALE_LATER_MS: Readonly<Record<string, number>> = { retention: 150_000 }

/** How each part is, by name. What was not heard of in time has failed. */
export async function readHealth({ db, clock }: { db: Database; clock: Clock }): Promise<Health> {
  const now = clock.now()
  let marks: HealthMarkRow[]
  try {
    marks = await db.rows(readHealthMarks, [])
  } catch {
    const unknown = MARKED.map((name) => part(name, 'failed', null, 'unknown'))
    return { status: 'failed', parts: [part('database', 'failed', now, 'no answer'), ...unknown] }
  }
  // Several brokers have a mark each, by name; what one alone left behind counts no more.
  const several = marks.some(({ name }) => name.startsWith('broker:'))
  const all = [...new Set([...MARKED, ...marks.map(({ name }) => name)])]
  const names = all.filter((name) => !(several && name === 'broker'))
  const parts = [
    part('database', 'ok', now, null),
    ...names.map((name) =>
      judge(
        name,
        marks.find((mark) => mark.name === name),
        now,
      ),
    ),
  ]
  return { status: worst(parts), parts }
}

function judge(name: string, mark: HealthMarkRow | undefined, now: Date): HealthPart {
  if (!mark) return part(name, 'failed', null, 'never heard of')
  const allowed = STALE_LATER_MS[name] ?? STALE_MS
  const stale = now.getTime() - mark.at.getTime() > allowed
  const silent = `not heard of for ${allowed / 1000} s`
  if (stale) return part(name, 'failed', mark.at, mark.problem ?? silent)
  const status = statusOf(mark.problem)
  const said = status === 'warning' ? mark.problem?.slice(WARNING.length) : mark.problem
  return part(name, status, mark.at, said ?? null)
}

// Whoever writes a mark says by this word that it works all the same.
const WARNING = 'warning: '

function statusOf(problem: string | null): HealthStatus {
  if (problem === null) return 'ok'
  return problem.startsWith(WARNING) ? 'warning' : 'failed'
}

function part(
  name: string,
  status: HealthStatus,
  at: Date | null,
  problem: string | null,
): HealthPart {
  return { name, status, at: at?.toISOString() ?? null, problem }
}

function worst(parts: readonly HealthPart[]): HealthStatus {
  if (parts.some(({ status }) => status === 'failed')) return 'failed'
  return parts.some(({ status }) => status === 'warning') ? 'warning' : 'ok'
}
