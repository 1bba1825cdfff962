import type { RouteConfig, RouteHandler } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Host } from '../../shared/host.ts'
import type { functionApp, FunctionEnv } from '../../shared/http/function-app.ts'

export interface Deps extends Host {
  readonly access: Access
}

export type App = ReturnType<typeof functionApp<Deps>>
export type Ctx = Context<FunctionEnv<Deps>>
/** Answers a route of this function. */
export type Answer<R extends RouteConfig> = RouteHandler<R, FunctionEnv<Deps>>

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  return { ...host, access: createAccess(host) }
}
