import { DatabaseError } from 'pg'
import { migrate, NewerSchema, type Migrated } from '../../migrations/migrate.ts'
import type { Config } from '../../../shared/config.ts'
import { openDatabase, type Database } from '../../../shared/db/database.ts'
import { hostUrls } from '../../../shared/db/servers.ts'
import type { Logger } from '../../../shared/log.ts'
import { PostgresFault } from '../postgres-files.ts'
import { startPostgres, type EmbeddedPostgres } from '../postgres.ts'
import type { DataDirectory } from './data-directory.ts'
import { EXIT, StartFault } from './fault.ts'
import { waitFor } from './reach.ts'
import { shownPath } from './shown-path.ts'

const POSTGRES_PORT = 5432
const OWNER_CONNECTIONS = 2

export interface StartedDatabase {
  readonly url: string
  /** Past any pooler: for LISTEN, migrations and roles. */
  readonly directUrl: string
  /** As the owner of the schema. */
  readonly owner: Database
  readonly embedded: EmbeddedPostgres | undefined
  readonly seconds: number
  readonly migrated: Migrated
  readonly migrationSeconds: number
}

async function startEmbedded(data: DataDirectory, log: Logger): Promise<EmbeddedPostgres> {
  const folder = data.file('postgres')
  const onLog = (line: string) => {
    if (/ (FATAL|PANIC|ERROR|WARNING): /.test(line)) log.debug({ line }, 'postgres')
  }
  try {
    return await startPostgres({ folder, onLog })
  } catch (error) {
    if (!(error instanceof PostgresFault)) throw error
    const line = `PostgreSQL refuses ${shownPath(folder)}: "${error.message}"; see docs/recovery.md`
    throw new StartFault(EXIT.postgresRefuses, line, { cause: error })
  }
}

async function applied(owner: Database, place: string): Promise<Migrated> {
  try {
    return await migrate(owner)
  } catch (error) {
    if (error instanceof NewerSchema) {
      const line = `${place} is from a newer Muster (${error.message}); start that or a newer one; nothing changed`
      throw new StartFault(EXIT.newerData, line, { cause: error })
    }
    if (error instanceof DatabaseError)
      throw new StartFault(EXIT.unreachable, `${place}: ${error.message}`, { cause: error })
    // A migration that was edited after it was applied here: a build between releases.
    if (error instanceof Error && error.message.startsWith('migration '))
      throw new StartFault(EXIT.newerData, `${place}: ${error.message}`, { cause: error })
    throw error
  }
}

/** Several servers: one that takes connections is enough. */
async function waitForOne(url: string): Promise<void> {
  const waiting = hostUrls(url).map((each) => waitFor('DATABASE_URL', each, POSTGRES_PORT))
  const ends = await Promise.any(waiting).catch((error: AggregateError) => error)
  if (ends instanceof AggregateError) throw ends.errors[0]
}

/**
 * Starts PostgreSQL, or waits for the one that DATABASE_URL names, and brings the schema up to date.
 * @throws {StartFault}
 */
export async function startDatabase(
  config: Config,
  data: DataDirectory,
  log: Logger,
): Promise<StartedDatabase> {
  const started = performance.now()
  const given = config.databaseUrl
  const embedded = given === undefined ? await startEmbedded(data, log) : undefined
  const url = given ?? embedded?.url ?? ''
  const directUrl = config.databaseDirectUrl ?? url
  if (given !== undefined) await waitForOne(given)
  const owner = openDatabase({ url: directUrl, connections: OWNER_CONNECTIONS, name: 'muster' })
  const ready = performance.now()
  try {
    const migrated = await applied(
      owner,
      given === undefined ? shownPath(data.folder) : 'DATABASE_URL',
    )
    const done = performance.now()
    const seconds = (ready - started) / 1000
    const migrationSeconds = (done - ready) / 1000
    return { url, directUrl, owner, embedded, seconds, migrated, migrationSeconds }
  } catch (error) {
    await owner.close().catch(() => undefined)
    await embedded?.stop(3000)
    throw error
  }
}
