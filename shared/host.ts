import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import type { HopVerifier } from './hop/verify.ts'
import type { JsonObject } from './json.ts'
import type { Logger } from './log.ts'

/** Calls another function below `/internal/`, with a hop proof of the caller's own. */
export type InternalCall = (
  functionName: string,
  path: string,
  body: JsonObject,
) => Promise<Response>

/** What whoever runs a function gives it: the local gateway in one process, or a process of its own. */
export interface Host {
  /** The function's name: its role in the database, its hop keys, the first word of its metrics. */
  readonly name: string
  readonly config: Config
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  readonly hop: HopVerifier
  readonly call: InternalCall
  /** A secret by its kebab-case name, read afresh; undefined where none is configured. */
  secret(name: string): Promise<Buffer | undefined>
}
