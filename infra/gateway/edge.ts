import { randomBytes, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { deriveHopKey, type HopKey } from '../../shared/hop/keys.ts'
import type { Router } from '../../shared/http/route.ts'
import type { Logger } from '../../shared/log.ts'
import { certificateEnds } from '../../shared/metrics.ts'
import { answerClientError } from './client-error.ts'
import type { Dispatch } from './dispatch.ts'
import { edgeAnswers, edgeConnections, edgeRefusals } from './edge-metrics.ts'
import { serveRequest, type EdgeDeps } from './edge-request.ts'
import { peerOf, type Peer } from './peer.ts'
import { BODY_PACE, type BodyPace } from './request-body.ts'
import { SourceLimit, sourceOf, SOURCE_LIMITS, type SourceLimits } from './source-limit.ts'
import type { Anchors } from './verdict.ts'

export interface EdgeOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** The server's certificate with its chain, and its key, as PEM; asked again by `reload()`. */
  readonly certificate: () => Promise<{ readonly cert: string; readonly key: string }>
  /** What client certificates are judged by; asked at each handshake. */
  readonly anchors: () => Anchors
  /** Root of the edge's hop keys. */
  readonly hop: { readonly kid: string; readonly root: Buffer }
  readonly route: Router
  readonly dispatch: Dispatch
  readonly now: () => Date
  readonly log: Logger
  readonly limits?: () => SourceLimits
  readonly processMetrics?: () => Promise<string>
  /** Shorter in tests. */
  readonly times?: Partial<EdgeTimes>
}

export interface EdgeTimes {
  readonly handshakeMs: number
  readonly headMs: number
  readonly idleMs: number
  readonly body: BodyPace
}

export interface Edge {
  readonly port: number
  /** Takes a new server certificate and new authorities; open connections stay. */
  reload(): Promise<void>
  /** Takes no more connections, lets requests under way finish for so long, then ends. */
  close(graceMs?: number): Promise<void>
}

const TIMES: EdgeTimes = { handshakeMs: 10_000, headMs: 10_000, idleMs: 65_000, body: BODY_PACE }
const HEAD_BYTES = 16_384
const GRACE_MS = 3_000
const TICKET_KEY_BYTES = 48
const TICKET_KEY_MS = 12 * 3_600_000
// Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** Opens the public HTTPS listener: TLS, verdicts, limits, route table, hop proof. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const times = { ...TIMES, ...options.times }
  const deps: EdgeDeps = {
    route: options.route,
    dispatch: options.dispatch,
    keyOf: keysOf(options.hop),
    now: options.now,
    pace: times.body,
    processMetrics: options.processMetrics,
  }
  // Tickets outlive a reload, so that a new authority does not make the whole fleet shake hands in full; the verdict is
  // made at each handshake anyway. Their keys are renewed: who gets one reads no older connection with it.
  let ticketKeys = randomBytes(TICKET_KEY_BYTES)
  const context = () => secureContext(options, ticketKeys)
  const server = createServer({ ...(await context()), ...serverOptions(times) })
  const peers = new WeakMap<Socket, Peer>()
  server.on('secureConnection', (socket) => {
    peers.set(socket, peerOf(socket, options.anchors(), options.now()))
  })
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const peer = peers.get(request.socket)
    if (peer) void take(deps, options.log, peer, request, response)
    else request.destroy()
  }
  server.on('request', onRequest)
  server.on('checkContinue', onRequest)
  server.on('clientError', answerClientError)
  limitSources(server, options.limits ?? (() => SOURCE_LIMITS))
  const port = await listen(server, options)
  const renewal = setInterval(() => {
    ticketKeys = randomBytes(TICKET_KEY_BYTES)
    server.setTicketKeys(ticketKeys)
  }, TICKET_KEY_MS)
  server.once('close', () => clearInterval(renewal))
  return {
    port,
    reload: async () => server.setSecureContext(await context()),
    close: (graceMs = GRACE_MS) => close(server, graceMs),
  }
}

function keysOf({ kid, root }: EdgeOptions['hop']): (functionName: string) => HopKey {
  const keys = new Map<string, HopKey>()
  return (functionName) => {
    const known = keys.get(functionName) ?? { kid, key: deriveHopKey(root, 'edge', functionName) }
    keys.set(functionName, known)
    return known
  }
}

async function secureContext({ certificate, anchors }: EdgeOptions, ticketKeys: Buffer) {
  const { cert, key } = await certificate()
  certificateEnds.set({ of: 'edge' }, new X509Certificate(cert).validToDate.getTime() / 1000)
  const ca = anchors().authorities.map((authority) => authority.certificate.toString())
  return {
    cert,
    key,
    ca,
    ticketKeys,
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
  } as const
}

function serverOptions(times: EdgeTimes): ServerOptions {
  return {
    requestCert: true,
    // Empty, since undefined means http/1.1, and with a list Node refuses clients that offer other names only.
    ALPNProtocols: [],
    // OpenSSL's verdict is not asked (verdict.ts); that the client has the certificate's key is checked all the same.
    rejectUnauthorized: false,
    handshakeTimeout: times.handshakeMs,
    headersTimeout: times.headMs,
    requestTimeout: 0,
    keepAliveTimeout: times.idleMs,
    connectionsCheckingInterval: Math.min(1000, times.headMs),
    maxHeaderSize: HEAD_BYTES,
  }
}

async function take(
  deps: EdgeDeps,
  log: Logger,
  peer: Peer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.on('error', () => undefined)
  response.on('error', () => undefined)
  try {
    const { callId, status, functionName, error } = await serveRequest(
      deps,
      peer,
      request,
      response,
    )
    edgeAnswers.inc({ function: functionName, status })
    if (status >= 500 && error !== undefined)
      log.error({ callId, function: functionName, status, err: error }, 'edge failed')
    else if (error !== undefined) log.info({ callId, status, source: peer.source }, 'edge refused')
  } catch (error) {
    response.destroy()
    log.warn({ source: peer.source, err: error }, 'answer broken off')
  }
}

function limitSources(server: Server, limits: () => SourceLimits): void {
  const sources = new SourceLimit(limits)
  server.on('connection', (socket: Socket) => {
    // The TLS server says "connection" of the bare socket first.
    if (socket instanceof TLSSocket) return
    const source = sourceOf(socket.remoteAddress ?? '')
    if (!sources.enter(source)) {
      edgeRefusals.inc({ reason: 'source' })
      socket.destroy()
      return
    }
    edgeConnections.inc()
    socket.once('close', () => {
      sources.leave(source)
      edgeConnections.dec()
    })
  })
}

function listen(server: Server, { host, port }: EdgeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
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
