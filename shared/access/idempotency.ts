import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { Json } from '../json.ts'
import { completeKey, lockKey, readKey, takeKey } from './queries.ts'

/** What a request was answered: kept with its effect, told again to whoever repeats it. */
export interface Outcome<S extends number = number, B extends Json = Json> {
  readonly status: S
  readonly body: B
  readonly headers?: Readonly<Record<string, string>>
}

export interface Keyed {
  readonly owner: string
  readonly key: string
  readonly sha256: Buffer
}

/** Encrypts what must not lie readable in the database: answers that hold a secret. */
export interface AnswerSeal {
  wrap(answer: string): Promise<string>
  unwrap(stored: string): Promise<string>
}

export interface IdempotencyDeps {
  readonly db: Database
  readonly clock: Clock
}

const KEPT_MS = 24 * 3_600_000
const PLAIN: AnswerSeal = { wrap: async (text) => text, unwrap: async (text) => text }

/**
 * Runs the work in one transaction with the record of its key, so that a repeated request has one effect. Refusals roll both back:
 * only what succeeded is told again.
 * @throws {DomainError} idempotency.in_progress, idempotency.key_reused
 */
export async function runOnce<S extends number, B extends Json>(
  deps: IdempotencyDeps,
  keyed: Keyed | undefined,
  work: (tx: Db) => Promise<Outcome<S, B>>,
  seal: AnswerSeal = PLAIN,
): Promise<Outcome<S, B>> {
  if (keyed === undefined) return transaction(deps.db, work)
  const expiresAt = new Date(deps.clock.now().getTime() + KEPT_MS)
  return transaction(deps.db, async (tx) => {
    const { owner, key, sha256 } = keyed
    const lock = await tx.row(lockKey, [`${owner} ${key}`])
    if (lock?.free !== true) throw new DomainError('idempotency.in_progress')
    const taken = await tx.row(takeKey, [owner, key, sha256, expiresAt, deps.clock.now()])
    if (taken === undefined) return replay<S, B>(tx, keyed, seal)
    const outcome = await work(tx)
    const answer = await seal.wrap(JSON.stringify(outcome))
    await tx.rows(completeKey, [owner, key, outcome.status, answer])
    return outcome
  })
}

async function replay<S extends number, B extends Json>(
  tx: Db,
  { owner, key, sha256 }: Keyed,
  seal: AnswerSeal,
): Promise<Outcome<S, B>> {
  const row = await tx.row(readKey, [owner, key])
  if (row === undefined || row.answer === null) throw new DomainError('idempotency.in_progress')
  if (!row.request_sha256.equals(sha256)) throw new DomainError('idempotency.key_reused')
  const stored: unknown = JSON.parse(await seal.unwrap(row.answer))
  // Written by runOnce for the same request, which the hash has just shown.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return stored as Outcome<S, B>
}
