import {
  Client,
  DatabaseError,
  escapeIdentifier,
  Pool,
  TypeOverrides,
  type ClientBase,
  type ClientConfig,
  type PoolClient,
  type QueryResult,
  type QueryResultRow,
} from 'pg'
import { traced } from '../trace.ts'
import { openServers, type DatabaseUrl, type Servers } from './servers.ts'
import type { Statement } from './statement.ts'

/** What a verb needs of the database: a pool or a transaction. */
export interface Db {
  /** All rows of a named statement. */
  rows<P extends readonly unknown[], R>(statement: Statement<P, R>, params: P): Promise<R[]>
  /** The first row, or undefined. */
  row<P extends readonly unknown[], R>(
    statement: Statement<P, R>,
    params: P,
  ): Promise<R | undefined>
  /** A statement whose text is built (fleet predicates of shared/query only): never prepared by name. */
  unnamed<R>(label: string, text: string, params: readonly unknown[]): Promise<R[]>
}

export interface Database extends Db, AsyncDisposable {
  /** Borrows one connection; `transaction()` is the usual way to it. */
  connect(): Promise<Connection>
  close(): Promise<void>
}

export interface Connection extends Db {
  /** Text without parameters, for begin, commit and session settings. */
  run(text: string): Promise<void>
  release(broken: boolean): void
}

export interface DatabaseOptions {
  /** One server, or several of which one may be written to: `postgres://user@a,b/database`. */
  readonly url: DatabaseUrl
  /** Role taken on each (direct) connection, so that a compromised function writes its own tables only. */
  readonly role?: string
  readonly connections?: number
  /** application_name, which pg_stat_activity shows. */
  readonly name?: string
  /** How long to wait for an answer before the connection is given up: a host that is gone says nothing. Default: for ever. */
  readonly answerMs?: number
}

// int8 arrives as bigint: versions, delivery numbers and byte counts never lose a digit.
const types = new TypeOverrides()
types.setTypeParser(20, (text) => BigInt(text))
// timestamptz with microseconds is read as Date (milliseconds), xid8 as text.

const SCHEMA_CHANGED = '0A000'
const READ_ONLY = '25006'
const CONNECT_MS = 10_000
const CONNECT_NEXT_MS = 2_000 // where another server can be tried
const ELSEWHERE = new Set(['57P01', '57P02', '57P03']) // the server stops, crashed, or is not ready

async function named<R>(
  client: Pool | PoolClient,
  statement: { name?: string; text: string },
  params: readonly unknown[],
): Promise<R[]> {
  const config = { ...statement, values: [...params], types }
  const result = await client.query<R & QueryResultRow>(config)
  return result.rows
}

/** The statement's name alone: its text is in the source, its parameters are nobody's. */
const spanned = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  traced({ name, kind: 'client', attributes: { 'db.system.name': 'postgresql' } }, work)

function overClient(client: Pool | PoolClient): Db {
  return {
    rows: ({ name, text }, params) => spanned(name, () => named(client, { name, text }, params)),
    row: async ({ name, text }, params) =>
      (await spanned(name, () => named<never>(client, { name, text }, params)))[0],
    unnamed: (label, text, params) => spanned(label, () => named(client, { text }, params)),
  }
}

/** Whether another connection would do what this one cannot: a column was added under a prepared statement; the server became a standby. */
const outlived = (error: unknown): boolean =>
  error instanceof DatabaseError && (error.code === SCHEMA_CHANGED || error.code === READ_ONLY)

/** Once again where the connection had outlived its server or schema: it did nothing, and is gone then. */
async function onceAgain<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (outlived(error)) return await work()
    throw error
  }
}

function overPool(lend: Lend): Db {
  const borrow = async <T>(work: (db: Db) => Promise<T>): Promise<T> =>
    onceAgain(async () => {
      const client = await lend()
      let broken = true
      try {
        const result = await work(overClient(client.client))
        broken = false
        return result
      } catch (error) {
        // An error of the server leaves the connection usable.
        broken = !(error instanceof DatabaseError) || outlived(error)
        throw error
      } finally {
        client.release(broken)
      }
    })
  return {
    rows: (statement, params) => borrow((db) => db.rows(statement, params)),
    row: (statement, params) => borrow((db) => db.row(statement, params)),
    unnamed: (label, text, params) => borrow((db) => db.unnamed(label, text, params)),
  }
}

/** Connection options of `pg` for a URL: a unix socket is given as `postgres://user@/database?host=/path`. */
export function connectionConfig(options: DatabaseOptions, servers?: Servers): ClientConfig {
  const { current, count } = servers ?? openServers(options.url)
  return {
    connectionString: current(),
    application_name: options.name ?? 'muster',
    connectionTimeoutMillis: count() > 1 ? CONNECT_NEXT_MS : CONNECT_MS,
    keepAlive: true,
    ...(options.answerMs !== undefined && { query_timeout: options.answerMs }),
  }
}

/** A connection that is lent, and knows by which URL it was made. */
interface Lent {
  readonly client: PoolClient
  readonly release: (broken: boolean) => void
}
type Lend = () => Promise<Lent>

// The role only on direct connections: behind PgBouncer a `set` leaks to others, so there each function has a login of its own.
async function prepare(client: ClientBase, role: string | undefined): Promise<void> {
  const take =
    role === undefined ? '' : `set role ${escapeIdentifier(role)}; set statement_timeout = '5s'; `
  // Several statements have several answers, which @types/pg does not say.
  const answers: Settings | Settings[] = await client.query(`${take}show transaction_read_only`)
  const last = Array.isArray(answers) ? answers.at(-1) : answers
  if (last?.rows[0]?.transaction_read_only !== 'on') return
  throw Object.assign(new Error('the server is read-only'), { code: READ_ONLY })
}

type Settings = QueryResult<{ transaction_read_only: string }>

// All connections are lent: no other server has more of them.
const POOL_EMPTY = 'timeout exceeded when trying to connect'

function elsewhere(error: unknown): boolean {
  if (error instanceof DatabaseError) return ELSEWHERE.has(error.code ?? '')
  return !(error instanceof Error && error.message === POOL_EMPTY)
}

/** Lends connections; a server that cannot be reached or written to is left for the next one. */
function lendFrom(pool: Pool, servers: Servers, made: WeakMap<object, string>): Lend {
  return async () => {
    for (let left = servers.count(); ; left--) {
      const url = servers.current()
      try {
        const client = await pool.connect()
        const release = (broken: boolean) =>
          // A login that was replaced goes with the connection that it made.
          client.release(broken || !servers.has(made.get(client) ?? ''))
        return { client, release }
      } catch (error) {
        if (!elsewhere(error)) throw error
        servers.leave(url)
        if (left <= 1) throw error
      }
    }
  }
}

function openPool(options: DatabaseOptions, servers: Servers, made: WeakMap<object, string>): Pool {
  class OneOfThem extends Client {
    constructor() {
      super(connectionConfig(options, servers))
      made.set(this, servers.current())
    }
  }
  const pool = new Pool({
    Client: OneOfThem,
    connectionTimeoutMillis: CONNECT_MS,
    max: options.connections ?? 2,
    min: 0,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    // @types/pg says void; pg-pool awaits the promise before it lends the connection.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => prepare(client, options.role),
  })
  // An idle connection that breaks is dropped by the pool; the next statement opens another.
  pool.on('error', () => undefined)
  // A lent connection that breaks fails its statement; pg tells it as an event of the client too, which nobody else hears.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** Opens a pool. Nothing connects before the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const servers = openServers(options.url)
  const made = new WeakMap<object, string>()
  const pool = openPool(options, servers, made)
  const lend = lendFrom(pool, servers, made)
  let closing: Promise<void> | undefined
  const close = () => (closing ??= pool.end())
  return {
    ...overPool(lend),
    connect: async () => {
      const { client, release } = await lend()
      return {
        ...overClient(client),
        run: async (text) => {
          await client.query(text)
        },
        release,
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
