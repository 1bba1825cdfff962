import type { Config } from '../../shared/config.ts'
import type { Database } from '../../shared/db/database.ts'
import type { Host } from '../../shared/host.ts'
import type { ServeDeps } from '../../shared/http/serve.ts'

export interface Deps extends ServeDeps {
  readonly db: Database
  readonly config: Config
}

export async function createDeps({ db, clock, log, hop, config }: Host): Promise<Deps> {
  return { db, clock, log, hop, config }
}
