// One call, handed to the function as of-watchdog does.
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { passedHeaders } from './headers.ts'
import { givenTimeoutMs, type WatchdogSettings } from './settings.ts'

const LENGTH = new Set(['content-length'])
const OWN = { 'X-OpenFaaS-Internal': 'of-watchdog' }

export type Exchange = (
  request: IncomingMessage,
  response: ServerResponse,
  path?: string,
) => Promise<void>

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function headersOf(request: IncomingMessage): string[] {
  const { method = 'GET', headers, rawHeaders } = request
  const passed = passedHeaders(rawHeaders, LENGTH)
  // Whatever length the client gave: the function is told none.
  if (hasBody(request)) passed.push('Transfer-Encoding', 'chunked')
  else if (method !== 'GET' && method !== 'HEAD') passed.push('Content-Length', '0')
  const asks = headers['accept-encoding'] !== undefined || headers.range !== undefined
  if (!asks && method !== 'HEAD') passed.push('Accept-Encoding', 'gzip')
  return passed
}

/** The shorter of the setting and what the caller allows; undefined: for ever. */
function limitMs({ headers }: IncomingMessage, execMs: number): number | undefined {
  const asked = headers['x-timeout']
  const given = givenTimeoutMs(typeof asked === 'string' ? asked : undefined)
  const limits = [execMs, given ?? 0].filter((ms) => ms > 0)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

/** Hands calls to the function, over kept connections. */
export function exchangeWith({ upstream, execMs }: WatchdogSettings): Exchange {
  const agent = new Agent({ keepAlive: true, timeout: 60_000 })
  return (request, response, path = request.url) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    response.once('close', resolve)
    const outgoing = httpRequest({
      agent,
      hostname: upstream.hostname,
      port: upstream.port || 80,
      method: request.method,
      path,
      headers: headersOf(request),
    })
    const refuse = (status: 500 | 504): void => {
      if (response.headersSent) response.destroy()
      else response.writeHead(status, { ...OWN, 'Content-Length': '0' }).end()
    }
    const limit = limitMs(request, execMs)
    // The function hears only that its connection is gone.
    const timer =
      limit &&
      setTimeout(() => {
        refuse(504)
        outgoing.destroy()
      }, limit)
    response.once('close', () => {
      clearTimeout(timer)
      if (!response.writableFinished) outgoing.destroy()
    })
    outgoing.on('error', () => {
      if (!response.writableEnded) refuse(500)
    })
    outgoing.on('response', (answer) => relay(answer, response))
    request.on('error', () => outgoing.destroy())
    if (hasBody(request)) request.pipe(outgoing)
    else outgoing.end()
    return promise
  }
}

function relay(answer: IncomingMessage, response: ServerResponse): void {
  if (response.writableEnded) return answer.resume() && undefined
  response.writeHead(answer.statusCode ?? 502, passedHeaders(answer.rawHeaders))
  answer.on('error', () => response.destroy())
  answer.on('aborted', () => response.destroy())
  answer.pipe(response)
}
