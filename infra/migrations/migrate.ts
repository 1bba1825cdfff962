import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Connection, Database } from '../../shared/db/database.ts'
import { grantsSql } from './grants.ts'

const FOLDER = new URL('.', import.meta.url)
const NAME = /^(\d{6})-([a-z0-9-]+)\.sql$/
// Any number will do, as long as every Muster uses the same.
const LOCK = 7_230_116
const GRANTS = 0

interface Migration {
  readonly number: number
  readonly name: string
  readonly text: string
  readonly sha256: Buffer
}

export interface Migrated {
  /** How many migrations this call applied. */
  readonly applied: number
  /** How many there are. */
  readonly total: number
}

/** The database was made by a newer Muster: nothing was changed. */
export class NewerSchema extends Error {}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => NAME.test(name)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, FOLDER), 'utf8')
      return { number: Number(name.slice(0, 6)), name, text, sha256: sha256(text) }
    }),
  )
}

async function applied(connection: Connection): Promise<Map<number, Buffer>> {
  await connection.run(`create table if not exists schema_migrations (number int primary key, name text not null,
    sha256 bytea not null, started_at timestamptz not null default now(), finished_at timestamptz);
    comment on table schema_migrations is 'local; kept'`)
  const rows = await connection.unnamed<{ number: number; sha256: Buffer }>(
    'migrations_read',
    'select number, sha256 from schema_migrations',
    [],
  )
  return new Map(rows.map((row) => [row.number, row.sha256]))
}

function check(migrations: readonly Migration[], done: ReadonlyMap<number, Buffer>): void {
  const known = new Map(migrations.map((migration) => [migration.number, migration]))
  for (const [number, hash] of done) {
    if (number === GRANTS) continue
    const migration = known.get(number)
    if (migration === undefined) throw new NewerSchema(`migration ${number} is not known here`)
    if (!migration.sha256.equals(hash)) {
      throw new Error(`migration ${migration.name} was changed after it was applied`)
    }
  }
}

async function record(connection: Connection, number: number, name: string, hash: Buffer) {
  await connection.unnamed(
    'migration_record',
    `insert into schema_migrations (number, name, sha256, finished_at) values ($1, $2, $3, clock_timestamp())
     on conflict (number) do update set sha256 = excluded.sha256, finished_at = excluded.finished_at`,
    [number, name, hash],
  )
}

async function apply(connection: Connection): Promise<Migrated> {
  const migrations = await readMigrations()
  await connection.run(`set local lock_timeout = '10s'; set local statement_timeout = 0;
    select pg_advisory_xact_lock(${LOCK})`)
  const done = await applied(connection)
  check(migrations, done)
  const missing = migrations.filter((migration) => !done.has(migration.number))
  for (const migration of missing) {
    await connection.run(migration.text)
    await record(connection, migration.number, migration.name, migration.sha256)
  }
  const grants = await grantsSql()
  const hash = sha256(grants)
  if (missing.length > 0 || done.get(GRANTS)?.equals(hash) !== true) {
    await connection.run(grants)
    await record(connection, GRANTS, 'grants', hash)
  }
  return { applied: missing.length, total: migrations.length }
}

/**
 * Brings the schema up to date in one transaction; any number of instances may do so at once.
 * @throws {NewerSchema} when the database knows a migration that this version does not
 */
export async function migrate(db: Database): Promise<Migrated> {
  const connection = await db.connect()
  let broken = true
  try {
    await connection.run('begin')
    const result = await apply(connection)
    await connection.run('commit')
    broken = false
    return result
  } finally {
    // A connection that failed half way is closed, and with it its transaction and lock.
    connection.release(broken)
  }
}
