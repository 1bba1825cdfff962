import type { Config } from '../config.ts'
import { readSecret } from '../secret.ts'
import { rotatingUrl } from './servers.ts'

export interface ProcessUrls {
  readonly url: () => string
  /** Past any pooler. */
  readonly directUrl: () => string
  /** Whether there is no pooler: only there connections may take a role, and `listen`. */
  readonly direct: boolean
}

/**
 * The database's URLs of a process, read again while it runs: a login is replaced by replacing the file or mounted secret that holds it.
 * Undefined without DATABASE_URL.
 */
export function processUrls(config: Config, functionName: string): ProcessUrls | undefined {
  const { databaseUrl, databaseDirectUrl = databaseUrl } = config
  if (databaseUrl === undefined || databaseDirectUrl === undefined) return undefined
  const read = (name: string) =>
    readSecret(name, { env: process.env, functionName })?.toString('utf8')
  return {
    url: rotatingUrl(databaseUrl, () => read('database-url')),
    directUrl: rotatingUrl(
      databaseDirectUrl,
      () => read('database-direct-url') ?? read('database-url'),
    ),
    direct: databaseDirectUrl === databaseUrl,
  }
}
