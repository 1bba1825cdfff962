import type { Json } from './api/client.ts'
import { warn } from './warn.ts'
import type { Input, Option } from './command/command.ts'
import { confirmCount } from './confirm.ts'
import { printDone } from './output.ts'
import { OPERATIONS, watchOperation } from './operation-progress.ts'
import type { Session } from './session.ts'
import { counted } from './terminal/text.ts'

export const DETACH: Option = {
  name: 'detach',
  summary: 'with --query: do not wait for the end',
}

export interface Bulk {
  /** `bulk/devices`. */
  readonly path: string
  readonly query: string
  readonly change: Json
  /** `suspend`: what is asked about. */
  readonly what: string
}

/** Counts a selection, asks, and lets the server change it as an operation; 7 when that failed. */
export async function runBulk(session: Session, input: Input, bulk: Bulk): Promise<number> {
  const api = await session.api()
  const ask = { q: bulk.query, change: bulk.change }
  const dry = await api.post(bulk.path, { ...ask, dry_run: true })
  warn(session, dry)
  const count = Number(dry['count'])
  const label = `${bulk.what}: ${counted(count, 'device')} (${bulk.query})`
  await confirmCount(session, input, label, count)
  const operation = await api.post(bulk.path, { ...ask, expect: count })
  const id = String(operation['id'])
  if (!input.flag('detach')) return watchOperation(session, id)
  printDone(session, `operation ${id}: see muster operation show ${id}`, operation, OPERATIONS)
  return 0
}
