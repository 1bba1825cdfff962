import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId as asDeviceId } from '../device-id.ts'
import { emitAll } from '../event/emit.ts'
import { enqueueAll } from '../outbox/enqueue.ts'
import { notifyOutbox } from '../outbox/notify.ts'
import { serialText } from '../pki/serial.ts'
import { levelsFor, nextLevel, reachedLevel } from './alert-level.ts'
import {
  markAlerted,
  markAsked,
  nextAlertLevel,
  readAlertedAt,
  readNeverAlerted,
  readToRenew,
  type EndingRow,
} from './expiry-queries.ts'

export interface ScanDeps {
  readonly db: Database
  /** The time of the scan: its clock is an argument. */
  readonly now: Date
  /** Days before its end at which a certificate is alerted about. */
  readonly thresholds: readonly number[]
  /** Where devices renew. */
  readonly renewUrl: string
  /** Called for each alert that was raised. */
  readonly counted: (days: number) => void
}

export interface Scanned {
  readonly alerted: number
  readonly asked: number
}

const PAGE = 1000
const MOST_PAGES = 100

/**
 * Alerts once at each threshold, and asks devices to renew: once when it is time, and again with each alert. Reads what is due and no more, whatever the
 * size of the fleet; what one scan leaves, the next takes.
 */
export async function scanExpiry(deps: ScanDeps): Promise<Scanned> {
  let alerted = 0
  for (const level of await levels(deps.db)) {
    const threshold = nextLevel(deps.thresholds, level)
    if (threshold === undefined) continue
    alerted += await eachPage(() => alertPage(deps, level, threshold))
  }
  const asked = await eachPage(() => askPage(deps))
  return { alerted, asked }
}

// Falling, and never alerted last, so that nothing is seen twice in one scan.
async function levels(db: Db): Promise<(number | null)[]> {
  const found: number[] = []
  for (let above = 0; ;) {
    const row = await db.row(nextAlertLevel, [above])
    if (row?.level === null || row?.level === undefined) return [...found, null]
    found.push(row.level)
    above = row.level
  }
}

async function eachPage(page: () => Promise<{ rows: number; counted: number }>): Promise<number> {
  let counted = 0
  for (let i = 0; i < MOST_PAGES; i++) {
    const done = await page()
    counted += done.counted
    if (done.rows < PAGE) break
  }
  return counted
}

interface Alert extends EndingRow {
  readonly days: number
}

async function alertPage(
  deps: ScanDeps,
  level: number | null,
  threshold: number,
): Promise<{ rows: number; counted: number }> {
  const { db, now } = deps
  const until = new Date(now.getTime() + threshold * 86_400_000)
  const { rows, alerts, slots } = await transaction(db, async (tx) => {
    const ending =
      level === null
        ? await tx.rows(readNeverAlerted, [now, until, PAGE])
        : await tx.rows(readAlertedAt, [now, until, PAGE, level])
    const raised = ending.flatMap((row) => alertOf(deps, row))
    const days = new Map(raised.map((alert) => [alert.serial, alert.days]))
    await tx.rows(markAlerted, [
      ending.map((row) => row.device_id),
      ending.map((row) => row.serial),
      ending.map((row) => days.get(row.serial) ?? threshold),
    ])
    await raise(tx, raised)
    return { rows: ending.length, alerts: [...days.values()], slots: await ask(deps, tx, raised) }
  })
  for (const days of alerts) deps.counted(days)
  notifyOutbox(db, slots)
  return { rows, counted: alerts.length }
}

function alertOf({ thresholds, now }: ScanDeps, row: EndingRow): Alert[] {
  const days = reachedLevel(
    levelsFor(thresholds, row.not_before, row.not_after),
    row.not_after,
    now,
  )
  return days === undefined ? [] : [{ ...row, days }]
}

async function raise(tx: Db, alerts: readonly Alert[]): Promise<void> {
  await emitAll(
    tx,
    alerts.flatMap(({ device_id, serial, not_after, days }) => {
      const deviceId = asDeviceId(device_id)
      const payload = { serial: serialText(serial), not_after: not_after.toISOString(), days }
      return deviceId ? [{ kind: 'certificate.expiring', deviceId, payload }] : []
    }),
  )
}

async function askPage(deps: ScanDeps): Promise<{ rows: number; counted: number }> {
  const { rows, slots } = await transaction(deps.db, async (tx) => {
    const due = await tx.rows(readToRenew, [deps.now, PAGE])
    return { rows: due.length, slots: await ask(deps, tx, due) }
  })
  notifyOutbox(deps.db, slots)
  return { rows, counted: rows }
}

/** Puts a request into the outbox of each device; one that no broker knows yet is asked with its next alert. */
async function ask(deps: ScanDeps, tx: Db, rows: readonly EndingRow[]): Promise<readonly number[]> {
  if (rows.length === 0) return []
  const messages = rows.flatMap(({ device_id, serial, not_after }) => {
    const deviceId = asDeviceId(device_id)
    const payload = JSON.stringify({
      serial: serialText(serial),
      not_after: Math.floor(not_after.getTime() / 1000),
      renew_url: deps.renewUrl,
    })
    return deviceId ? [{ deviceId, topic: `devices/${deviceId}/cert/renew`, payload }] : []
  })
  const { slots } = await enqueueAll(tx, 'enroll', messages)
  await tx.rows(markAsked, [
    rows.map((row) => row.device_id),
    rows.map((row) => row.serial),
    deps.now,
  ])
  return slots
}
