import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Db } from './database.ts'

const READ_ONLY = '25006' // read_only_sql_transaction: the server became a standby
const RETRYABLE = new Set(['40001', '40P01', READ_ONLY]) // serialization_failure, deadlock_detected
const ATTEMPTS = 4

/** The SQLSTATE of an error of PostgreSQL, else undefined. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Runs the work in one READ COMMITTED transaction; again, with jitter, when PostgreSQL says that another one was in the way.
 * The only place that retries a transaction.
 */
export async function transaction<T>(db: Database, work: (tx: Db) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(db, work)
    } catch (error) {
      if (attempt === ATTEMPTS || !RETRYABLE.has(sqlState(error) ?? '')) throw error
      await sleep(attempt * 10 + Math.random() * 20)
    }
  }
}

async function once<T>(db: Database, work: (tx: Db) => Promise<T>): Promise<T> {
  const connection = await db.connect()
  let broken = true
  try {
    await connection.run('begin')
    const result = await work(connection)
    await connection.run('commit')
    broken = false
    return result
  } catch (error) {
    const rolledBack = await connection.run('rollback').then(
      () => true,
      () => false,
    )
    broken = !rolledBack || sqlState(error) === READ_ONLY
    throw error
  } finally {
    connection.release(broken)
  }
}
