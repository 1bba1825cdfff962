// The database of an installation whose parts run apart: schema, logins, authorities, the first operator.
import type { Config } from '../../shared/config.ts'
import type { Database } from '../../shared/db/database.ts'
import type { Logger } from '../../shared/log.ts'
import { enterAuthorities } from '../embedded/start/authority.ts'
import type { DataDirectory } from '../embedded/start/data-directory.ts'
import { startDatabase } from '../embedded/start/database.ts'
import { saveOwnEndpoint } from '../embedded/start/endpoint.ts'
import { keepOperatorToken, writeCliFile } from '../embedded/start/operator-token.ts'
import { readSecret } from '../../shared/secret.ts'
import { roleOf } from '../migrations/grants.ts'
import { passwordOf } from './parts.ts'

export interface DatabaseOptions {
  readonly config: Config
  readonly data: DataDirectory
  /** Parts that log in: functions, connector, broker agent, edge. */
  readonly parts: readonly string[]
  readonly log: Logger
  readonly passphrase: string | undefined
  readonly now: Date
}

/** Gives every part its login. The passwords are of letters, digits, `-` and `_`. */
async function makeLogins(db: Database, hopRoot: Buffer, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    const text = `alter role ${roleOf(part)} login password '${passwordOf(hopRoot, part)}'`
    await db.unnamed('setup_login', text, [])
  }
}

/** Brings the database up to date and enters what the parts look for in it; repeatable. */
export async function setUpDatabase(options: DatabaseOptions): Promise<{ applied: number }> {
  const { config, data, parts, log, passphrase, now } = options
  const { owner, migrated } = await startDatabase(config, data, log)
  try {
    const place = { env: {}, folder: data.file('secrets') }
    const root = readSecret('hop-root', place)?.toString('latin1') ?? ''
    await makeLogins(owner, Buffer.from(root, 'base64'), parts)
    await enterAuthorities(owner, data, passphrase)
    await keepOperatorToken(owner, data, now)
    await writeCliFile(data, config.apiUrl)
    await saveOwnEndpoint(owner, config)
    return { applied: migrated.applied }
  } finally {
    await owner.close()
  }
}
