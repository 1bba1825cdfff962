import { OpenAPIHono } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import * as z from 'zod'
import { DomainError } from '../errors.ts'
import type { Call, Identity } from './call.ts'
import { problemResponse } from './problem.ts'

/** Types of a function's Hono app: dependencies in `c.env`, who calls in `c.var`. */
export interface FunctionEnv<Deps extends object> {
  Bindings: Deps
  Variables: { call: Call; identity: Identity }
}

export interface Invocation {
  readonly call: Call
  readonly identity: Identity
  /** What failed without being a refusal; the log line names it. */
  failure?: unknown
}

const invocations = new WeakMap<Request, Invocation>()

/** Ties the proven call to the request that the app is about to see. */
export function bindInvocation(request: Request, invocation: Invocation): void {
  invocations.set(request, invocation)
}

/** The error as a refusal that may be shown; everything unknown is `internal.failure`. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  if (error instanceof z.ZodError) return invalid(error)
  if (error instanceof HTTPException && error.status < 500) {
    return new DomainError('request.malformed', { detail: error.message })
  }
  if (isUnstorable(error)) {
    return new DomainError('request.invalid', { detail: 'NUL cannot be stored' }, { cause: error })
  }
  return new DomainError('internal.failure', {}, { cause: error })
}

// PostgreSQL's character_not_in_repertoire and untranslatable_character: a text or a jsonb with NUL or half a surrogate pair.
function isUnstorable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === '22021' || code === '22P05'
}

/** Validation faults as RFC 9457 `errors[]`, each with a JSON pointer into what was sent; values are not echoed. */
export function invalid(error: z.ZodError, from: 'json' | 'query' | 'param' = 'json'): DomainError {
  const errors = error.issues.slice(0, 20).map((issue) => {
    const path = issue.path.map(String)
    return from === 'json'
      ? { pointer: path.map((part) => `/${part}`).join(''), detail: issue.message }
      : { parameter: path.join('.'), detail: issue.message }
  })
  return new DomainError('request.invalid', { errors })
}

/** A function's app: strict validation, problems for every error. `serve` puts it behind the hop proof. */
export function functionApp<Deps extends object>(): OpenAPIHono<FunctionEnv<Deps>> {
  const app = new OpenAPIHono<FunctionEnv<Deps>>({
    strict: true,
    defaultHook: (result) => {
      if (result.success) return
      throw invalid(result.error, placeOf(result.target))
    },
  })
  app.use('*', async (c, next) => {
    const invocation = invocations.get(c.req.raw)
    if (invocation === undefined) throw new DomainError('auth.required')
    c.set('call', invocation.call)
    c.set('identity', invocation.identity)
    await next()
  })
  app.onError((error, c) => {
    const refusal = toDomainError(error)
    const invocation = invocations.get(c.req.raw)
    if (invocation !== undefined) invocation.failure = refusal
    return problemResponse(refusal, invocation?.call.callId ?? '')
  })
  app.notFound((c) =>
    problemResponse(
      new DomainError('route.not_found'),
      invocations.get(c.req.raw)?.call.callId ?? '',
    ),
  )
  return app
}

function placeOf(target: string): 'json' | 'query' | 'param' {
  return target === 'query' || target === 'param' ? target : 'json'
}
