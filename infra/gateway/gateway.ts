import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DomainError } from '../../shared/errors.ts'
import { repeatsHopHeader } from '../../shared/hop/verify.ts'
import { problemResponse } from '../../shared/http/problem.ts'
import type { Logger } from '../../shared/log.ts'
import { writeAnswer } from './answer.ts'
import { BodyChunks, webBody } from './body-chunks.ts'
import { drainRest } from './drain-rest.ts'
import { FUNCTION_URL, toRefusal, type Dispatch } from './dispatch.ts'
import { isOfConnection } from './forbidden-header.ts'
import { hasBody } from './request-body.ts'

export interface GatewayOptions {
  /** Loopback, unless functions are called from elsewhere. */
  readonly host?: string
  /** 0: any free port. */
  readonly port: number
  readonly dispatch: Dispatch
  readonly log: Logger
}

export interface Gateway {
  readonly port: number
  readonly url: string
  close(graceMs?: number): Promise<void>
}

const LOOPBACK = '127.0.0.1'
const GRACE_MS = 3_000
// Longer than what callers keep their connections for, so that the gateway never closes first.
const IDLE_MS = 75_000
const PATH = /^\/function\/([a-z][a-z0-9-]{0,62})(?:[/?]|$)/

/** Opens the gateway as OpenFaaS has it: `/function/<name>`. It authenticates nobody; functions check the hop proof. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host = LOOPBACK, port } = options
  const server = createServer({ keepAliveTimeout: IDLE_MS, maxHeaderSize: 65_536 })
  server.on('request', (request, response) => void take(options, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address: AddressInfo | string | null = server.address()
  const open = typeof address === 'object' && address ? address.port : port
  return {
    port: open,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${open}`,
    close: (graceMs = GRACE_MS) => close(server, graceMs),
  }
}

async function take(
  { dispatch, log }: GatewayOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.on('error', () => undefined)
  response.on('error', () => undefined)
  const headOnly = request.method === 'HEAD'
  try {
    const answer = await answerOf(dispatch, request, response).catch((error: unknown) => {
      const refusal = toRefusal(error)
      if (refusal.code === 'internal.failure' || refusal.code === 'function.unavailable')
        log.error({ path: request.url, err: error }, 'function failed')
      return problemResponse(refusal, '')
    })
    drainRest(request, response)
    await writeAnswer(response, answer, { stream: false, headOnly })
  } catch (error) {
    response.destroy()
    log.warn({ path: request.url, err: error }, 'answer broken off')
  }
}

async function answerOf(
  dispatch: Dispatch,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Response> {
  if (request.url === '/healthz') return new Response('ok\n')
  const name = PATH.exec(request.url ?? '')?.[1]
  if (name === undefined) throw new DomainError('route.not_found')
  if (repeatsHopHeader(request.rawHeaders)) throw new DomainError('request.malformed')
  const abort = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) abort.abort()
  })
  const chunks = new BodyChunks(request)
  try {
    return await dispatch(name, toRequest(request, chunks, abort.signal))
  } finally {
    chunks.release()
  }
}

function toRequest(request: IncomingMessage, chunks: BodyChunks, signal: AbortSignal): Request {
  const { method = 'GET', rawHeaders } = request
  const headers = new Headers()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (!isOfConnection(name)) headers.append(name, rawHeaders[index + 1] ?? '')
  }
  if (method === 'GET' || method === 'HEAD' || !hasBody(request))
    return new Request(FUNCTION_URL, { method, headers, signal })
  const body = webBody(chunks, () => chunks.release())
  return new Request(FUNCTION_URL, { method, headers, body, duplex: 'half', signal })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
