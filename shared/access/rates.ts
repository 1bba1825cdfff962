import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { readSettings } from '../setting/read.ts'
import { addRates0, addRates1, type RateRow } from './queries.ts'

export type RateKind = 'source' | 'failure' | 'credential' | 'token' | 'device'

/** Token buckets in memory; what other instances took is learnt from shared counters every half second. */
export interface Rates {
  /** Takes one. Throws rate.limited when the bucket is empty; `perSecond` instead of the setting where a credential carries its own. */
  take(kind: RateKind, key: string, perSecond?: number): Promise<void>
  /** Throws rate.limited when nothing is left, and takes nothing: before crypto, of the failures of a source. */
  check(kind: RateKind, key: string): Promise<void>
}

interface Bucket {
  readonly hash: Buffer
  rate: number
  burst: number
  tokens: number
  at: number
  /** Taken and not yet told to the others. */
  pending: number
  /** The shared count of this generation when it was last read. */
  seen: number | undefined
}

interface State {
  readonly buckets: Map<string, Bucket>
  flushedAt: number
  generation: number
  flushing: boolean
}

interface RatesDeps {
  readonly db: Database
  readonly clock: Clock
}

const FLUSH_MS = 500
const GENERATION_MS = 60_000
const FAILURE_BURST_SECONDS = 60
const BURST_SECONDS = 5

export function createRates(deps: RatesDeps): Rates {
  const state: State = { buckets: new Map(), flushedAt: 0, generation: -1, flushing: false }
  const open = async (kind: RateKind, key: string, perSecond?: number) => {
    const rate = perSecond ?? (await readSettings(deps.db))[`rate.${kind}`]
    return filled(state, kind, key, rate, deps.clock.now().getTime())
  }
  return {
    check: async (kind, key) => need(await open(kind, key)),
    take: async (kind, key, perSecond) => {
      const bucket = await open(kind, key, perSecond)
      need(bucket)
      bucket.tokens -= 1
      bucket.pending += 1
      if (bucket.at - state.flushedAt >= FLUSH_MS) void flush(deps, state)
    },
  }
}

/** The key of an address: all of an IPv6 /64 is one source, since its owner has every address in it. */
export function sourceKey(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

function need(bucket: Bucket): void {
  if (bucket.tokens >= 1) return
  const seconds = Math.ceil((1 - bucket.tokens) / bucket.rate)
  throw new DomainError('rate.limited', { retry_after_seconds: Math.min(Math.max(seconds, 1), 60) })
}

function filled(state: State, kind: RateKind, key: string, rate: number, now: number): Bucket {
  const name = `${kind} ${key}`
  const burst = Math.max(1, rate * (kind === 'failure' ? FAILURE_BURST_SECONDS : BURST_SECONDS))
  const known = state.buckets.get(name)
  if (known === undefined) {
    const hash = createHash('sha256').update(name).digest().subarray(0, 12)
    const made = { hash, rate, burst, tokens: burst, at: now, pending: 0, seen: undefined }
    state.buckets.set(name, made)
    return made
  }
  const elapsed = Math.max(0, now - known.at) / 1000
  known.tokens = Math.min(burst, known.tokens + elapsed * rate)
  Object.assign(known, { rate, burst, at: now })
  return known
}

// While the database is away every instance counts for itself: nobody is refused for that.
async function flush(deps: RatesDeps, state: State): Promise<void> {
  if (state.flushing) return
  state.flushing = true
  try {
    const now = deps.clock.now().getTime()
    state.flushedAt = now
    await turn(deps, state, now)
    await exchange(deps, state, now)
  } catch {
    state.flushedAt = deps.clock.now().getTime()
  } finally {
    state.flushing = false
  }
}

// Each minute the other one of two tables is counted in; the one before is emptied whole, which leaves nothing to vacuum.
async function turn({ db }: RatesDeps, state: State, now: number): Promise<void> {
  const generation = Math.floor(now / GENERATION_MS)
  if (generation === state.generation) return
  state.generation = generation
  for (const [name, bucket] of state.buckets) {
    bucket.seen = undefined
    const full = bucket.tokens + ((now - bucket.at) / 1000) * bucket.rate >= bucket.burst
    if (full && bucket.pending === 0) state.buckets.delete(name)
  }
  const older = generation % 2 === 0 ? 'truncate rate_counts_1' : 'truncate rate_counts_0'
  await db.unnamed('rate_clear', older, [])
}

async function exchange({ db }: RatesDeps, state: State, now: number): Promise<void> {
  const { generation } = state
  const touched = [...state.buckets.values()].filter((bucket) => bucket.pending > 0)
  if (touched.length === 0) return
  const counts = touched.map((bucket) => bucket.pending)
  for (const bucket of touched) bucket.pending = 0
  const keys = touched.map((bucket) => counterKey(generation, bucket))
  const rows = await db.rows(generation % 2 === 0 ? addRates0 : addRates1, [keys, counts])
  const sums = new Map(rows.map((row: RateRow) => [row.key.toString('hex'), row.n]))
  const elapsed = (now % GENERATION_MS) / 1000
  for (const [index, bucket] of touched.entries()) {
    const sum = sums.get(keys[index]?.toString('hex') ?? '')
    if (sum !== undefined) drain(bucket, sum, counts[index] ?? 0, elapsed)
  }
}

// The generation stands in the key: what an old one left in the table counts for nothing.
function counterKey(generation: number, { hash }: Bucket): Buffer {
  const key = Buffer.alloc(4 + hash.length)
  key.writeUInt32BE(generation % 2 ** 32, 0)
  hash.copy(key, 4)
  return key
}

function drain(bucket: Bucket, sum: number, own: number, elapsedSeconds: number): void {
  const left =
    bucket.seen === undefined
      ? Math.min(bucket.tokens, bucket.burst + bucket.rate * elapsedSeconds - sum)
      : bucket.tokens - Math.max(0, sum - bucket.seen - own)
  bucket.tokens = Math.max(left, -bucket.burst)
  bucket.seen = sum
}
