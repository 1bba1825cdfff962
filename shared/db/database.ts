import {
  DatabaseError,
  escapeIdentifier,
  Pool,
  TypeOverrides,
  type ClientBase,
  type ClientConfig,
  type PoolClient,
  type QueryResultRow,
} from 'pg'
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
  readonly url: string
  /** Role taken on each (direct) connection, so that a compromised function writes its own tables only. */
  readonly role?: string
  readonly connections?: number
  /** application_name, which pg_stat_activity shows. */
  readonly name?: string
}

// int8 arrives as bigint: versions, delivery numbers and byte counts never lose a digit.
const types = new TypeOverrides()
types.setTypeParser(20, (text) => BigInt(text))
// timestamptz with microseconds is read as Date (milliseconds), xid8 as text.

const SCHEMA_CHANGED = '0A000'

async function named<R>(
  client: Pool | PoolClient,
  statement: { name?: string; text: string },
  params: readonly unknown[],
): Promise<R[]> {
  const config = { ...statement, values: [...params], types }
  const result = await client.query<R & QueryResultRow>(config)
  return result.rows
}

function overClient(client: Pool | PoolClient): Db {
  return {
    rows: (statement, params) =>
      named(client, { name: statement.name, text: statement.text }, params),
    row: async (statement, params) =>
      (await named<never>(client, { name: statement.name, text: statement.text }, params))[0],
    unnamed: (_label, text, params) => named(client, { text }, params),
  }
}

/** Once again on 0A000: a column was added under a prepared statement; the broken connection is gone then. */
async function onceAgain<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DatabaseError && error.code === SCHEMA_CHANGED) return await work()
    throw error
  }
}

function overPool(pool: Pool): Db {
  const borrow = async <T>(work: (db: Db) => Promise<T>): Promise<T> =>
    onceAgain(async () => {
      const client = await pool.connect()
      let broken = true
      try {
        const result = await work(overClient(client))
        broken = false
        return result
      } catch (error) {
        // An error of the server leaves the connection usable, save a stale prepared statement.
        broken = !(error instanceof DatabaseError) || error.code === SCHEMA_CHANGED
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
export function connectionConfig(options: DatabaseOptions): ClientConfig {
  return {
    connectionString: options.url,
    application_name: options.name ?? 'muster',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  }
}

// Only on direct connections: behind PgBouncer a `set` leaks to others, so there each function has a login of its own.
async function takeRole(client: ClientBase, role: string | undefined): Promise<void> {
  if (role === undefined) return
  await client.query(`set role ${escapeIdentifier(role)}; set statement_timeout = '5s'`)
}

/** Opens a pool. Nothing connects before the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    ...connectionConfig(options),
    max: options.connections ?? 2,
    min: 0,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    // @types/pg says void; pg-pool awaits the promise before it lends the connection.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => takeRole(client, options.role),
  })
  // An idle connection that breaks is dropped by the pool; the next statement opens another.
  pool.on('error', () => undefined)
  // A lent connection that breaks fails its statement; pg tells it as an event of the client too, which nobody else hears.
  pool.on('connect', (client) => client.on('error', () => undefined))
  let closing: Promise<void> | undefined
  const close = () => (closing ??= pool.end())
  return {
    ...overPool(pool),
    connect: async () => {
      const client = await pool.connect()
      return {
        ...overClient(client),
        run: async (text) => {
          await client.query(text)
        },
        release: (broken) => client.release(broken),
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
