import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Duplex } from 'node:stream'
import { MqttClient, type IClientOptions, type IConnackPacket, type IPublishPacket } from 'mqtt'
import type { Frame } from '../../shared/mqtt/delivery.ts'

/** How the broker is reached. */
export type BrokerAddress =
  /** MQTT 5 over TCP or TLS; files are read again at each connect. */
  | {
      readonly url: string
      readonly caFile?: string | undefined
      readonly certFile?: string | undefined
      readonly keyFile?: string | undefined
    }
  /** MQTT 3.1.1 over a stream within the process. */
  | { readonly stream: (clientId: string) => Duplex }

export interface Publication {
  readonly topic: string
  readonly payload: Buffer
  readonly packet: number | null
  readonly dup: boolean
  readonly retain: boolean
}

export interface LinkOptions {
  readonly address: BrokerAddress
  readonly clientId: string
  readonly clean: boolean
  readonly will?: { readonly topic: string; readonly payload: string }
  readonly onMessage: (publication: Publication) => void
  readonly onClose: (reason: string) => void
  readonly onDrain: () => void
}

/** One connection to the broker. It never reconnects: what comes after it is another connection, another epoch. */
export interface Link {
  readonly sessionPresent: boolean
  /** How many publications of QoS 1 the broker takes before it has acknowledged any. */
  readonly quota: number
  /** False while the socket takes no more. */
  readonly writable: boolean
  /** `done` has the reason code of the broker's refusal, 0 when it took the message; not called once the connection is lost. */
  publish(frame: Omit<Frame, 'item'>, done: (code: number) => void): void
  /** Sends the PUBACK that was withheld. */
  acknowledge(packet: number): void
  subscribe(filters: readonly string[], options: SubscribeOptions): Promise<void>
  unsubscribe(filter: string): void
  /** Says goodbye: no will is sent. */
  end(): Promise<void>
  /** Cuts the connection. */
  destroy(): void
}

export interface SubscribeOptions {
  readonly qos: 0 | 1
  /** 0: retained messages at each subscribe; 1: only if the subscription is new. */
  readonly retainHandling: 0 | 1
}

const KEEP_ALIVE_SECONDS = 10
const CONNECT_MS = 5000
const END_MS = 1000
const SESSION_SECONDS = 7 * 24 * 60 * 60
export const RECEIVE_MAXIMUM = 2000
const BUFFERED_BYTES = 4 * 1024 * 1024
// mqtt.js sends no PUBACK when the handler reports an error, and reads on.
const WITHHELD = new Error('PUBACK withheld')

/** Connects; rejects when the broker refuses or does not answer within 5 s. */
export function openLink(options: LinkOptions): Promise<Link> {
  const client = new MqttClient(() => openStream(options), clientOptions(options))
  let reason = 'connection lost'
  client.handleMessage = (packet, callback) => {
    options.onMessage(publicationOf(packet))
    callback(packet.qos === 0 ? undefined : WITHHELD)
  }
  return new Promise((resolve, reject) => {
    let settled = false
    client.on('error', (error) => {
      reason = error.message
    })
    client.on('disconnect', (packet) => {
      reason = `disconnected by the broker, reason ${packet.reasonCode ?? 0}`
    })
    client.on('close', () => {
      if (settled) options.onClose(reason)
      else reject(new Error(reason))
      settled = true
    })
    client.on('connect', (connack) => {
      settled = true
      client.stream.on('drain', options.onDrain)
      resolve(toLink(client, connack))
    })
  })
}

function publicationOf({
  topic,
  payload,
  messageId,
  dup,
  retain,
  qos,
}: IPublishPacket): Publication {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return { topic, payload: bytes, packet: qos === 0 ? null : (messageId ?? null), dup, retain }
}

function openStream({ address, clientId }: LinkOptions): Duplex {
  if ('stream' in address) return address.stream(clientId)
  const url = new URL(address.url)
  const secure = url.protocol === 'mqtts:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (secure ? 8883 : 1883))
  const socket = secure
    ? connectTls({
        host,
        port,
        ...(isIP(host) === 0 && { servername: host }),
        ...tlsFiles(address),
      })
    : connectTcp({ host, port })
  // Without it a PUBACK waits up to 40 ms for company.
  socket.setNoDelay(true)
  return socket
}

function tlsFiles(address: {
  caFile?: string | undefined
  certFile?: string | undefined
  keyFile?: string | undefined
}) {
  const { caFile, certFile, keyFile } = address
  return {
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}

function clientOptions({ address, clientId, clean, will }: LinkOptions): IClientOptions {
  const inProcess = 'stream' in address
  return {
    clientId,
    clean,
    protocolId: 'MQTT',
    protocolVersion: inProcess ? 4 : 5,
    keepalive: inProcess ? 0 : KEEP_ALIVE_SECONDS,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS,
    resubscribe: false,
    queueQoSZero: false,
    ...(inProcess ? {} : credentials(address.url)),
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false },
    }),
    ...(!inProcess && {
      properties: {
        sessionExpiryInterval: clean ? 0 : SESSION_SECONDS,
        receiveMaximum: RECEIVE_MAXIMUM,
      },
    }),
  }
}

function credentials(text: string): { username?: string; password?: string } {
  const { username, password } = new URL(text)
  if (username === '') return {}
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) }
}

function toLink(client: MqttClient, connack: IConnackPacket): Link {
  return {
    sessionPresent: connack.sessionPresent,
    quota: Math.min(RECEIVE_MAXIMUM, connack.properties?.receiveMaximum ?? RECEIVE_MAXIMUM),
    get writable() {
      return client.stream.writableLength < BUFFERED_BYTES
    },
    publish: ({ topic, payload, qos, retain }, done) => {
      if (!client.connected) return
      client.publish(topic, payload, { qos, retain }, (error) => {
        const code = codeOf(error)
        if (code !== undefined) done(code)
      })
    },
    acknowledge: (messageId) => {
      if (client.connected) client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 })
    },
    subscribe: async (filters, { qos, retainHandling }) => {
      if (filters.length === 0) return
      await client.subscribeAsync([...filters], { qos, rh: retainHandling, rap: true })
    },
    unsubscribe: (filter) => {
      if (client.connected) client.unsubscribe(filter, () => undefined)
    },
    end: async () => {
      // mqtt.js waits for PUBACKs that no longer come when the connection breaks meanwhile.
      const late = setTimeout(() => client.stream.destroy(), END_MS)
      await Promise.race([client.endAsync(false), closed(client)])
      clearTimeout(late)
    },
    destroy: () => {
      client.end(true)
    },
  }
}

function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    if (client.stream.destroyed) resolve()
    else client.stream.once('close', () => resolve())
  })
}

/** Undefined: the connection is lost, so nobody knows. */
function codeOf(error: Error | null | undefined): number | undefined {
  if (error === null || error === undefined) return 0
  return 'code' in error && typeof error.code === 'number' ? error.code : undefined
}
