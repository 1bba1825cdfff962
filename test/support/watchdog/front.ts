// The watchdog's own port: health, readiness, and everything else is a call of the function.
import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { ServerResponse } from 'node:http'
import { exchangeWith } from './exchange.ts'
import { CallMeters } from './meters.ts'
import type { WatchdogSettings } from './settings.ts'

export interface Front {
  readonly server: Server
  readonly meters: CallMeters
  /** From SIGTERM on health and readiness say so; calls are taken all the same. */
  leave(): void
}

function logLine({ method = '', url = '' }: IncomingMessage, status: number, seconds: number) {
  const when = new Date().toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ')
  const path = url.split('?', 1)[0]
  return `${when} ${method} ${path} - ${status} ${STATUS_CODES[status] ?? ''} (${seconds.toFixed(4)}s)\n`
}

export function createFront(settings: WatchdogSettings): Front {
  const { maxInflight, readyPath, readMs, writeMs } = settings
  const meters = new CallMeters()
  const exchange = exchangeWith(settings)
  let leaving = false
  const isFull = () => maxInflight > 0 && meters.inFlight >= maxInflight

  const ready = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (leaving) response.writeHead(503).end()
    else if (isFull()) response.writeHead(429).end()
    else if (readyPath === undefined) response.writeHead(200).end()
    else await exchange(request, response, readyPath)
  }

  const call = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const started = performance.now()
    if (isFull()) {
      const text = `Concurrent request limit exceeded. Max concurrent requests: ${maxInflight}\n`
      response.writeHead(429, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text)
      request.resume()
    } else {
      meters.inFlight += 1
      // An answer that is not written by then goes nowhere.
      const timer = writeMs > 0 ? setTimeout(() => response.destroy(), writeMs) : undefined
      await exchange(request, response)
      clearTimeout(timer)
      meters.inFlight -= 1
    }
    const seconds = (performance.now() - started) / 1000
    meters.observe(request.method ?? '', response.statusCode, seconds)
    process.stdout.write(logLine(request, response.statusCode, seconds))
  }

  const server = createServer({
    requestTimeout: readMs,
    headersTimeout: readMs,
    connectionsCheckingInterval: 250,
    keepAliveTimeout: 120_000,
    maxHeaderSize: 2 ** 20,
  })
  server.on('request', (request, response) => {
    response.on('error', () => undefined)
    const path = request.url?.split('?', 1)[0]
    if (path === '/_/health') response.writeHead(leaving ? 503 : 200).end(leaving ? '' : 'OK')
    else if (path === '/_/ready') void ready(request, response)
    else void call(request, response)
  })
  // An upload that took longer than read_timeout is cut without an answer; so is what is no HTTP.
  server.on('clientError', (_error, socket) => socket.destroy())
  const leave = () => {
    leaving = true
  }
  return { server, meters, leave }
}
