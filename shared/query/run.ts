import type { Db } from '../db/database.ts'
import { sqlState } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { Compiled } from './compile.ts'
import type { Query } from './query.ts'
import { unindexedTests } from './unindexed.ts'

const STATEMENT_TIMEOUT = '57014'
/** Fleet queries at once over one pool: a few heavy ones must not take every connection from the rest. */
const AT_ONCE = 2

interface Gate {
  running: number
  readonly waiting: (() => void)[]
}

const gates = new WeakMap<Db, Gate>()

function gateOf(db: Db): Gate {
  const gate = gates.get(db) ?? { running: 0, waiting: [] }
  gates.set(db, gate)
  return gate
}

async function pass(gate: Gate): Promise<void> {
  if (gate.running >= AT_ONCE) await new Promise<void>((resolve) => gate.waiting.push(resolve))
  else gate.running += 1
}

// Who leaves hands its place on.
function leave(gate: Gate): void {
  const next = gate.waiting.shift()
  if (next) next()
  else gate.running -= 1
}

/**
 * Runs a compiled query, two at once over one pool.
 * @throws {DomainError} query.too_slow when the database gave up, with the terms for which no index helps
 */
export async function runQuery<R>(
  db: Db,
  query: Query,
  { label, text, values }: Compiled,
): Promise<R[]> {
  const gate = gateOf(db)
  await pass(gate)
  try {
    return await db.unnamed<R>(label, text, values)
  } catch (error) {
    if (sqlState(error) !== STATEMENT_TIMEOUT) throw error
    throw tooSlow(query, error)
  } finally {
    leave(gate)
  }
}

function tooSlow(query: Query, cause: unknown): DomainError {
  const fields = [...new Set(unindexedTests(query).map(({ field }) => field.name))]
  const because = fields.length === 0 ? '' : `; no index helps ${fields.join(', ')}`
  const detail = `The query took too long${because}`
  return new DomainError('query.too_slow', { detail, fields }, { cause })
}
