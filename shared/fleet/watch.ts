import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import {
  countCertificatesEnding,
  countEnding,
  readDatabaseWatch,
  readIssuerWatch,
  readPartitionsAhead,
  readRolloutWatch,
  readSlotWatch,
  readTicks,
  type DatabaseRow,
  type IssuerRow,
  type RolloutRow,
  type SlotRow,
} from './watch-queries.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 14
const CERTIFICATE_DAYS = [7, 14]
/** Of rollouts that are under way, the youngest. */
const ROLLOUTS = 20

/** What alerts hang on, as of now. Its cost is bounded, whatever the fleet's size. */
export interface Watched {
  readonly slots: readonly SlotRow[]
  readonly issuers: readonly IssuerRow[]
  readonly ending: readonly { kind: string; ending: number }[]
  readonly certificates: readonly { days: number; devices: number }[]
  readonly rollouts: readonly RolloutRow[]
  readonly ticks: readonly { schedule: string; seconds: number }[]
  readonly partitions: readonly { parent: string; ahead: number }[]
  readonly database: DatabaseRow | undefined
}

export async function readWatched({ db, clock }: { db: Db; clock: Clock }): Promise<Watched> {
  const soon = new Date(clock.now().getTime() + SOON_DAYS * DAY_MS)
  const slots = await db.rows(readSlotWatch, [])
  const issuers = await db.rows(readIssuerWatch, [])
  const ending = await db.rows(countEnding, [soon])
  const certificates = await db.rows(countCertificatesEnding, [CERTIFICATE_DAYS])
  const rollouts = await db.rows(readRolloutWatch, [ROLLOUTS])
  return {
    slots,
    issuers,
    ending: ending.map((row) => ({ kind: row.kind, ending: Number(row.ending) })),
    certificates: certificates.map(({ days, devices }) => ({ days, devices: Number(devices) })),
    rollouts,
    ticks: await db.rows(readTicks, []),
    partitions: await db.rows(readPartitionsAhead, []),
    database: await db.row(readDatabaseWatch, []),
  }
}
