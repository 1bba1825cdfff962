import type { AddressInfo, Socket } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import { Aedes, type Client } from 'aedes'
import { BrokerMemory } from './broker-memory.ts'
import { meterPackets } from './broker-meter.ts'
import { Connections, Gate, type BrokerPeer } from './broker-gate.ts'
import type { BrokerIdentity, OperatorTopic } from './broker-topics.ts'

const PACKET_BYTES = 4_194_304
const HANDSHAKE_MS = 10_000
const QUEUED_PACKETS = 64
// Mosquitto's `max_queued_messages` for a device; the connector's is its own affair (it drains as long as we live).
const SESSION = { messages: 1000, bytes: 16 * 1024 * 1024, filters: 1000 }
const CONNECTOR = { messages: Infinity, bytes: Infinity, filters: Infinity }
// Each is kept, with up to 4 MiB, until the client releases it.
const INFLIGHT_QOS_2 = 20

export interface BrokerTls {
  readonly cert: string
  readonly key: string
  /** PEM of every authority that may have issued a client: devices' root and issuers, the root of services. */
  readonly authorities: readonly string[]
}

export interface BrokerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Asked again by `reload()`. */
  readonly tls: () => Promise<BrokerTls>
  /** Who this is; undefined: refused. The certificate's chain, usage and time were found good. */
  readonly admit: (peer: BrokerPeer) => Promise<BrokerIdentity | undefined>
  /** Topics of the operator's, asked at each message. */
  readonly topics?: () => readonly OperatorTopic[]
  /** Connections above that are closed at once. */
  readonly maxConnections?: number
}

export interface EmbeddedBroker extends AsyncDisposable {
  readonly port: number
  /** A connection within the process, which may do everything: the connector's. MQTT 3.1.1. */
  connect(clientId: string): Duplex
  /** Ends the connection of a device or a service account; whether there was one. */
  kick(id: string): boolean
  /** Client ids of all connections. */
  readonly connected: ReadonlySet<string>
  /** The devices that are connected, and the serial numbers of the certificates that they came with. */
  devices(): { readonly id: string; readonly serial: Buffer }[]
  /** Takes a new server certificate and new authorities; open connections stay. */
  reload(): Promise<void>
  /** What it says of itself, by the names that Mosquitto's `$SYS` has. */
  values(): Readonly<Record<'clients_connected' | 'publish_dropped' | 'retained_messages', number>>
  close(): Promise<void>
}

// Mosquitto tells the same on these topics (log_dest topic), so whoever listens need not know which broker this is.
function announce(aedes: Aedes, topic: string, text: string): void {
  const payload = Buffer.from(`${Math.floor(Date.now() / 1000)}: ${text}`)
  aedes.publish(
    {
      cmd: 'publish',
      topic: `$SYS/broker/log/${topic}`,
      payload,
      qos: 1,
      dup: false,
      retain: false,
    },
    () => undefined,
  )
}

function watch(aedes: Aedes, connections: Connections): void {
  const deviceOf = (client: Client): string | undefined => {
    const identity = connections.identity(client)
    return identity?.kind === 'device' ? identity.id : undefined
  }
  aedes.on('client', (client) => {
    connections.clients.set(client.id, client)
    const id = deviceOf(client)
    const clean = client.clean ? 1 : 0
    const { address = '' } = connections.peer(client) ?? {}
    if (id !== undefined)
      announce(aedes, 'N', `New client connected from ${address} as ${id} (p2, c${clean}).`)
  })
  aedes.on('clientDisconnect', (client) => {
    if (connections.clients.get(client.id) === client) connections.clients.delete(client.id)
    const id = deviceOf(client)
    if (id !== undefined) announce(aedes, 'N', `Client ${id} disconnected.`)
  })
  aedes.on('subscribe', (subscriptions, client) => {
    const id = deviceOf(client)
    if (id === undefined) return
    for (const { topic, qos } of subscriptions.filter((each) => each.qos <= 2))
      announce(aedes, 'M/subscribe', `${id} ${qos} ${topic}`)
  })
  // A client that breaks off or sends nonsense is disconnected by aedes; without a listener it would end the process.
  aedes.on('clientError', () => undefined)
  aedes.on('connectionError', () => undefined)
}

async function context({ tls }: BrokerOptions): Promise<SecureContextOptions> {
  const { cert, key, authorities } = await tls()
  return { cert, key, ca: [...authorities], minVersion: 'TLSv1.2' }
}

function serve(server: Server, aedes: Aedes, connections: Connections): void {
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true)
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return void socket.destroy()
    connections.meet(socket, { certificate, address: socket.remoteAddress ?? '' })
    meterPackets(socket, PACKET_BYTES)
    aedes.handle(socket)
  })
  // A refused handshake is the client's affair. One that takes too long is only told of: the socket would stay open.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
}

function listen(server: Server, { host, port }: BrokerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/**
 * Starts the broker of `npm start`: aedes behind TLS with client certificates, MQTT 3.1.1, sessions in memory.
 * It obeys the topic matrix as Mosquitto's ACL does in production, and tells presence on the same topics.
 */
export async function startBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const connections = new Connections()
  const memory = new BrokerMemory((id) => (id.startsWith('_muster') ? CONNECTOR : SESSION))
  const aedes = await Aedes.createBroker({
    persistence: memory,
    connectTimeout: HANDSHAKE_MS,
    queueLimit: QUEUED_PACKETS,
    maxClientsIdLength: 256,
    maxInflightInbound: INFLIGHT_QOS_2,
    ...new Gate(connections, memory, options).handlers(),
  })
  watch(aedes, connections)
  const tls = { requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_MS }
  const server = createServer({ ...(await context(options)), ...tls })
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections
  const sockets = socketsOf(server)
  serve(server, aedes, connections)
  const port = await listen(server, options)
  let closing: Promise<void> | undefined
  const close = () => (closing ??= end(server, aedes, sockets))
  return {
    port,
    connect: (clientId) => connectInside(aedes, connections, clientId),
    kick: (id) => kick(connections, id),
    get connected() {
      return new Set(connections.clients.keys())
    },
    devices: () => devices(connections),
    values: () => ({
      clients_connected: connections.clients.size,
      publish_dropped: memory.dropped,
      retained_messages: memory.retained,
    }),
    reload: async () => server.setSecureContext(await context(options)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function connectInside(aedes: Aedes, connections: Connections, id: string): Duplex {
  const [ours, theirs] = duplexPair()
  // A pair is two streams: the end of one is no end of the other.
  ours.once('close', () => theirs.destroy())
  theirs.once('close', () => ours.destroy())
  connections.trust(ours, { kind: 'connector', id })
  aedes.handle(ours)
  return theirs
}

function devices(connections: Connections): { id: string; serial: Buffer }[] {
  return [...connections.clients.values()].flatMap((client) => {
    const identity = connections.identity(client)
    const peer = connections.peer(client)
    if (identity?.kind !== 'device' || peer === undefined) return []
    return [{ id: identity.id, serial: Buffer.from(peer.certificate.serialNumber, 'hex') }]
  })
}

function kick({ clients }: Connections, id: string): boolean {
  const service = `_service/${id}/`
  const found = [...clients.values()].filter(
    (client) => client.id === id || client.id.startsWith(service),
  )
  for (const client of found) client.close()
  return found.length > 0
}

/** Also those that are in the middle of a handshake: they would hold the server until it times out. */
function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

async function end(server: Server, aedes: Aedes, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  await new Promise<void>((resolve) => {
    aedes.close(resolve)
  })
  for (const socket of sockets) socket.destroy()
  await closed
}
