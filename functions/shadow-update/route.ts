import { createRoute, type RouteConfig, type RouteHandler } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type * as z from 'zod'
import { invalid, type functionApp, type FunctionEnv } from '../../shared/http/function-app.ts'
import type { Deps } from './deps.ts'

export type App = ReturnType<typeof functionApp<Deps>>
/** Answers a documented route. */
export type Answer<R extends RouteConfig> = RouteHandler<R, FunctionEnv<Deps>>
export type ShadowContext = Context<FunctionEnv<Deps>>

/**
 * Adds a documented route whose bodies and answers are text: documents of shadows are passed as they are stored, which `JSON.parse` would round.
 */
export function textRoute(
  app: App,
  config: RouteConfig,
  answer: (c: ShadowContext) => Promise<Response>,
): void {
  const route = createRoute(config)
  app.openAPIRegistry.registerPath(route)
  app.on(config.method.toUpperCase(), route.getRoutingPath(), answer)
}

/** Parses what stands in the path or the query. */
export function valid<T extends z.ZodType>(
  schema: T,
  value: unknown,
  from: 'json' | 'query' | 'param',
): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw invalid(parsed.error, from)
  return parsed.data
}

export function jsonText(text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { headers: { 'content-type': 'application/json', ...headers } })
}
