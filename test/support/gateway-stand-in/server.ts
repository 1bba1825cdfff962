// A stand-in for OpenFaaS' gateway, as measured (docs/openfaas.md): `/function/<name>` to replicas in turn, none left out, with its
// reading of paths and its headers; `/system/…` with basic authentication.
import { randomUUID } from 'node:crypto'
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { passedHeaders } from '../watchdog/headers.ts'
import { readPath } from './path.ts'
import type { Provider } from './provider.ts'
import { answerSystem } from './system.ts'

export interface GatewayOptions {
  readonly port?: number
  readonly provider: Provider
  /** Of `/system/`; without, nobody is asked who they are. */
  readonly credentials?: { readonly user: string; readonly password: string }
  /** How long a function may take. */
  readonly timeoutMs?: number
}

export interface GatewayStandIn extends AsyncDisposable {
  readonly port: number
  readonly url: string
}

const TIMEOUT_MS = 65_000
const SERVED_BY = 'openfaas-stand-in'

class Forwarding {
  readonly #provider: Provider
  readonly #timeoutMs: number
  readonly #agent = new Agent({ keepAlive: true, timeout: 60_000 })
  readonly #turns = new Map<string, number>()

  constructor({ provider, timeoutMs = TIMEOUT_MS }: GatewayOptions) {
    this.#provider = provider
    this.#timeoutMs = timeoutMs
  }

  /** Hands a call to the next replica; what cannot be reached is answered 500, and not tried elsewhere. */
  take(name: string, target: string, request: IncomingMessage, response: ServerResponse): void {
    const endpoints = this.#provider.endpoints(name)
    if (endpoints === undefined) return refuse(response, 404, `error finding function ${name}`)
    const turn = this.#turns.get(name) ?? 0
    this.#turns.set(name, turn + 1)
    const endpoint = endpoints[turn % endpoints.length]
    if (endpoint === undefined) return refuse(response, 503, `No endpoints available for: ${name}.`)
    const [hostname, port] = endpoint.split(':')
    const outgoing = httpRequest({
      agent: this.#agent,
      hostname,
      port,
      path: target,
      method: request.method,
      headers: requestHeaders(request, response),
      timeout: this.#timeoutMs,
    })
    outgoing.on('timeout', () => {
      if (!response.headersSent) refuse(response, 504, `timed out: ${name}`)
      outgoing.destroy()
    })
    outgoing.on('error', () => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, `Can't reach service for: ${name}.`)
    })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, [
        ...passedHeaders(answer.rawHeaders),
        ...['X-Served-By', SERVED_BY],
      ])
      answer.on('aborted', () => response.destroy()).on('error', () => response.destroy())
      answer.pipe(response)
    })
    response.once('close', () => {
      if (!response.writableFinished) outgoing.destroy()
    })
    request.on('error', () => outgoing.destroy())
    request.pipe(outgoing)
  }

  close(): void {
    this.#agent.destroy()
  }
}

function requestHeaders(request: IncomingMessage, response: ServerResponse): string[] {
  const { headers, rawHeaders, socket } = request
  const passed = passedHeaders(rawHeaders)
  if (headers['transfer-encoding'] !== undefined) passed.push('Transfer-Encoding', 'chunked')
  // A client's own call id and source pass as they are: that the edge replaces them is the edge's work.
  if (headers['x-call-id'] === undefined) passed.push('X-Call-Id', randomUUID())
  if (headers['x-forwarded-for'] === undefined)
    passed.push('X-Forwarded-For', `${socket.remoteAddress}:${socket.remotePort}`)
  if (headers['x-forwarded-host'] === undefined) passed.push('X-Forwarded-Host', headers.host ?? '')
  passed.push('X-Start-Time', `${BigInt(Date.now()) * 1_000_000n}`)
  response.on('error', () => undefined)
  return passed
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'X-Served-By': SERVED_BY }).end(text)
}

function isKnown({ credentials }: GatewayOptions, { headers }: IncomingMessage): boolean {
  if (credentials === undefined) return true
  const text = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')
  return headers.authorization === `Basic ${text}`
}

export async function startGatewayStandIn(options: GatewayOptions): Promise<GatewayStandIn> {
  const forwarding = new Forwarding(options)
  const server = createServer({ keepAliveTimeout: 120_000, maxHeaderSize: 2 ** 20 })
  server.on('request', (request, response) => {
    const read = readPath(request.url ?? '')
    if (read.kind === 'bad') refuse(response, 400, '')
    else if (read.kind === 'moved') response.writeHead(301, { Location: read.to }).end()
    else if (read.kind === 'function') forwarding.take(read.name, read.target, request, response)
    else if (read.path === '/healthz') response.writeHead(200).end('OK')
    else if (!read.path.startsWith('/system/')) refuse(response, 404, '')
    else if (!isKnown(options, request))
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="Restricted"' }).end()
    else void answerSystem(options.provider, read.path, request, response)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      forwarding.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
