import type { RouteConfig, RouteHandler } from '@hono/zod-openapi'
import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Readings } from '../../shared/artifact/reading.ts'
import type { Host } from '../../shared/host.ts'
import type { functionApp, FunctionEnv } from '../../shared/http/function-app.ts'
import { openStore } from '../../shared/storage/open.ts'
import { PART_BYTES, type ObjectStore } from '../../shared/storage/store.ts'

export interface Deps extends Host {
  readonly access: Access
  readonly objects: ObjectStore
  /** Files that operations of this instance have half read. */
  readonly readings: Readings
  readonly partBytes: number
  readonly artifactMaxBytes: number
}

export type App = ReturnType<typeof functionApp<Deps>>
/** Answers a route of this function. */
export type Answer<R extends RouteConfig> = RouteHandler<R, FunctionEnv<Deps>>

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  return {
    ...host,
    access: createAccess(host),
    objects: await openStore(host.config),
    readings: new Map(),
    partBytes: PART_BYTES,
    artifactMaxBytes: host.config.artifactMaxBytes,
  }
}
