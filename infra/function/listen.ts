import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { DomainError } from '../../shared/errors.ts'
import { repeatsHopHeader } from '../../shared/hop/verify.ts'
import { problemResponse } from '../../shared/http/problem.ts'
import type { Logger } from '../../shared/log.ts'
import { metrics } from '../../shared/metrics.ts'
import { writeAnswer } from '../gateway/answer.ts'
import { BodyChunks, webBody } from '../gateway/body-chunks.ts'
import { FUNCTION_URL } from '../gateway/dispatch.ts'
import { drainRest } from '../gateway/drain-rest.ts'

// Longer than callers keep their connections, so that this end never closes first.
const IDLE_MS = 75_000
const HEAD_BYTES = 65_536
const IDLE_LOOK_MS = 50

type Handle = (request: Request) => Promise<Response>

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function toRequest(request: IncomingMessage, chunks: BodyChunks, signal: AbortSignal): Request {
  const { method = 'GET', rawHeaders } = request
  const headers = new Headers()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
  if (method === 'GET' || method === 'HEAD')
    return new Request(FUNCTION_URL, { method, headers, signal })
  // Whoever stands before this process sends every body in chunks, an empty one too.
  const body = webBody(chunks, () => chunks.release())
  return new Request(FUNCTION_URL, { method, headers, body, duplex: 'half', signal })
}

async function answerOf(
  handle: Handle,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Response> {
  if (repeatsHopHeader(request.rawHeaders))
    return problemResponse(new DomainError('request.malformed'), '')
  const abort = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) abort.abort()
  })
  const chunks = new BodyChunks(request)
  try {
    return await handle(toRequest(request, chunks, abort.signal))
  } finally {
    chunks.release()
  }
}

async function take(
  handle: Handle,
  log: Logger,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.on('error', () => undefined)
  response.on('error', () => undefined)
  if (request.method === 'GET' && request.url === '/ready') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    return
  }
  try {
    const answer = await answerOf(handle, request, response)
    drainRest(request, response)
    await writeAnswer(response, answer, { stream: false, headOnly: request.method === 'HEAD' })
  } catch (error) {
    log.error({ err: error }, 'answer broken off')
    response.destroy()
  }
}

/** Opens the function's port: `GET /ready`, and everything else is a call, whatever its URL says. */
export async function openFunction(port: number, handle: Handle, log: Logger): Promise<Server> {
  const server = createServer({ keepAliveTimeout: IDLE_MS, maxHeaderSize: HEAD_BYTES })
  server.on('request', (request, response) => void take(handle, log, request, response))
  await listen(server, port)
  return server
}

/** Opens the port of the metrics, which nothing routes. */
export async function openMetrics(port: number): Promise<Server> {
  const server = createServer((_request, response) => {
    metrics.metrics().then(
      (text) => response.setHeader('content-type', metrics.contentType).end(text),
      () => response.writeHead(500).end(),
    )
  })
  await listen(server, port)
  server.unref()
  return server
}

/** Takes no more connections; fulfilled when the calls under way are answered, or after the given time. */
export function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), withinMs)
    // A caller keeps its connection after the answer; it would hold the process until all are closed.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(idle)
      resolve()
    })
    server.closeIdleConnections()
  })
}
