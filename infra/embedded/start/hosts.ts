import { roleOf } from '../../migrations/grants.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { Config } from '../../../shared/config.ts'
import { openDatabase, type Database } from '../../../shared/db/database.ts'
import type { Host } from '../../../shared/host.ts'
import type { Logger } from '../../../shared/log.ts'
import { createUnsealer } from '../../../shared/sealed.ts'
import { readPassphrase, readSecret } from '../../../shared/secret.ts'

/** Connections of a function's pool; the rest have two (data.md §9). */
const POOL: Readonly<Record<string, number>> = {
  'shadow-update': 4,
  'compute-delta': 4,
  'ota-report': 4,
  enroll: 4,
  pki: 4,
}
const POOL_LEAST = 2

export interface HostOptions {
  readonly config: Config
  readonly databaseUrl: string
  /** Whether connections may take the function's role: not through a pooler, where `set` leaks to others. */
  readonly roles: boolean
  readonly secretFolder: string
  readonly log: Logger
}

export interface Hosts extends AsyncDisposable {
  /** What a function gets. */
  of(name: string): Omit<Host, 'name' | 'hop' | 'call'>
  /** A pool under the role of this name. */
  database(name: string, connections?: number): Database
}

/** What each function gets: a pool of its own under its own role, its log and its secrets. */
export function openHosts(options: HostOptions): Hosts {
  const { config, databaseUrl: url, roles, secretFolder: folder } = options
  const opened: Database[] = []
  const unsealed = createUnsealer(() => readPassphrase(config.passphraseFile))
  const database = (name: string, connections?: number): Database => {
    const most = connections ?? config.databasePoolConnections ?? POOL[name] ?? POOL_LEAST
    const role = roles ? { role: roleOf(name) } : {}
    const db = openDatabase({ url, connections: most, name: `muster ${name}`, ...role })
    opened.push(db)
    return db
  }
  return {
    database,
    of: (name) => ({
      config,
      db: database(name),
      clock: systemClock,
      log: options.log.child({ function: name }),
      secret: async (secret) => {
        const found = readSecret(secret, { env: process.env, functionName: name, folder })
        return found && unsealed(found, secret)
      },
    }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((db) => db.close()))
    },
  }
}
