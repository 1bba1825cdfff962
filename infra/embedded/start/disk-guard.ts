import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Database } from '../../../shared/db/database.ts'
import { DomainError } from '../../../shared/errors.ts'
import { problemResponse } from '../../../shared/http/problem.ts'
import type { Logger } from '../../../shared/log.ts'
import type { Dispatch } from '../../gateway/dispatch.ts'
import type { DataDirectory } from './data-directory.ts'
import { markPart } from './queries.ts'

const LOOK_MS = 2_000
const MARK_EVERY = 10
const WRITES = new Set(['POST', 'PUT', 'PATCH'])

export interface DiskGuard {
  /** Refuses writes while the disk is full. Reads, deletions and ticks, which make room, go on. */
  guard(dispatch: Dispatch): Dispatch
  close(): void
}

interface GuardDeps {
  readonly data: DataDirectory
  readonly freeMinBytes: number
  readonly db: Database
  readonly log: Logger
}

/** Watches the disk of the data directory and tells health of it, and of the root's key while that lies here. */
export function watchDisk({ data, freeMinBytes, db, log }: GuardDeps): DiskGuard {
  let full = false
  let looks = 0
  const look = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(data.folder)
    const now = bavail * bsize < freeMinBytes
    const changed = now !== full
    full = now
    if (changed) log.warn({ freeBytes: bavail * bsize }, full ? 'disk full' : 'disk has room again')
    if (!changed && looks++ % MARK_EVERY !== 0) return
    await db.rows(markPart, ['disk', full ? 'less free than DISK_FREE_MIN_BYTES' : null])
    const here = existsSync(data.file('root-offline'))
    const warning = 'warning: the keys in root-offline are still in the data directory'
    await db.rows(markPart, ['root-offline', here ? warning : null])
  }
  const failed = (error: unknown): void => log.warn({ err: error }, 'disk not looked at')
  void look().catch(failed)
  const timer = setInterval(() => void look().catch(failed), LOOK_MS)
  return {
    guard: (dispatch) => async (name, request) => {
      if (!full || !isWrite(request)) return dispatch(name, request)
      return problemResponse(new DomainError('storage.full'), '')
    },
    close: () => clearInterval(timer),
  }
}

function isWrite({ method, headers }: Request): boolean {
  const target = headers.get('muster-target') ?? ''
  return WRITES.has(method) && !target.startsWith('/cron')
}
