import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { connectAsync, type MqttClient } from 'mqtt'
import * as z from 'zod'
import { createCsr } from './csr.ts'
import { ask, jsonOf, type Tls } from './request.ts'

/** What a device shows to enrol: interface.md §7. */
export type Bootstrap =
  | { readonly way: 'token'; readonly token: string }
  | { readonly way: 'claim'; readonly certificate: string; readonly key: string }
  | { readonly way: 'shared key'; readonly credentialId: string; readonly key: Buffer }

const Enrolled = z.object({
  certificate: z.string(),
  chain: z.string(),
  endpoints: z.array(z.object({ host: z.string(), port: z.number(), tls_name: z.string() })).min(1),
  config: z.record(z.string(), z.unknown()),
})
type Enrolled = z.infer<typeof Enrolled>

const Delta = z.object({ state: z.record(z.string(), z.unknown()), version: z.number() })
const Accepted = z.object({ clientToken: z.string().default('') })
const Notice = z.object({
  number: z.number(),
  version: z.string(),
  url: z.string(),
  sha256: z.string(),
})
type Notice = z.infer<typeof Notice>

interface DeviceEvents {
  converged: [version: number]
  updated: [version: string]
  failed: [reason: string]
  renewalAsked: []
  closed: []
}

export interface DeviceOptions {
  readonly id: string
  readonly hardware: string
  readonly firmware: string
  /** Public origin, such as https://localhost:8443. */
  readonly server: string
  readonly ca: string
  /** Address to connect to when the endpoint's host name does not resolve here. */
  readonly mqttHost?: string
}

/** A simulated device: enrols, keeps its state in step, takes updates, renews. Speaks only what a real one does. */
export class Device extends EventEmitter<DeviceEvents> {
  readonly id: string
  readonly hardware: string
  firmware: string
  state: Record<string, unknown> = {}
  #options: DeviceOptions
  #key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  #enrolled: Enrolled | undefined
  #mqtt: MqttClient | undefined
  #updating: Promise<unknown> | undefined

  constructor(options: DeviceOptions) {
    super()
    this.#options = options
    this.id = options.id
    this.hardware = options.hardware
    this.firmware = options.firmware
  }

  /** The certificate in use, PEM; undefined before enrolment. */
  get certificate(): string | undefined {
    return this.#enrolled?.certificate
  }

  /** TLS of this device: its certificate with the chain, its key. */
  get tls(): Tls {
    const { ca } = this.#options
    const enrolled = this.#enrolled
    if (enrolled === undefined) return { ca }
    return { ca, cert: enrolled.certificate + enrolled.chain, key: this.#privateKey }
  }

  get #privateKey(): string {
    return this.#key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }

  /** Sends a request for a certificate with what the factory gave it. */
  async enroll(bootstrap: Bootstrap): Promise<void> {
    const csr = createCsr(this.#key, this.id)
    const common = {
      device_id: this.id,
      hardware_rev: this.hardware,
      firmware_ver: this.firmware,
      csr,
    }
    const { ca, server } = this.#options
    const tls =
      bootstrap.way === 'claim' ? { ca, cert: bootstrap.certificate, key: bootstrap.key } : { ca }
    const answer = await ask(`${server}/api/v1/enroll`, tls, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...common, ...shown(bootstrap, this.id, csr) }),
    })
    this.#enrolled = jsonOf(answer, Enrolled, `${this.id} enrols`)
    this.state = { ...this.#enrolled.config }
  }

  /** A new key and a new certificate, asked with the old one; the connection is made anew with it. */
  async renew(): Promise<void> {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const answer = await ask(`${this.#options.server}/api/v1/enroll/renew`, this.tls, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ csr: createCsr(key, this.id) }),
    })
    const renewed = jsonOf(answer, Enrolled, `${this.id} renews`)
    this.#key = key
    this.#enrolled = renewed
    await this.disconnect()
    await this.connect()
  }

  /** Connects by MQTT with its certificate, says what it runs, and reports its state. */
  async connect(): Promise<void> {
    const endpoint = this.#enrolled?.endpoints[0]
    if (endpoint === undefined) throw new Error(`${this.id}: not enrolled`)
    const { mqttHost } = this.#options
    const client = await connectAsync(`mqtts://${mqttHost ?? endpoint.host}:${endpoint.port}`, {
      ...this.tls,
      servername: endpoint.tls_name,
      clientId: this.id,
      clean: true,
      reconnectPeriod: 0,
      will: this.#message('status', { connected: false }),
    })
    this.#mqtt = client
    client.on('message', (topic, payload) => this.#receive(topic, payload))
    client.on('close', () => this.emit('closed'))
    client.on('error', () => undefined) // what follows is `close`
    const topics = ['shadow/delta', 'shadow/update/accepted', 'ota/notify', 'cert/renew']
    await client.subscribeAsync(
      topics.map((topic) => `devices/${this.id}/${topic}`),
      { qos: 1 },
    )
    await this.#publish('status', { connected: true, firmware_ver: this.firmware })
    await this.report(this.state)
  }

  async disconnect(): Promise<void> {
    await this.#mqtt?.endAsync()
    this.#mqtt = undefined
  }

  get connected(): boolean {
    return this.#mqtt?.connected === true
  }

  /** Publishes reported state; resolves when `accepted` has come. */
  async report(reported: Record<string, unknown>): Promise<void> {
    const clientToken = randomBytes(8).toString('hex')
    const accepted = this.#answerTo(clientToken)
    await this.#publish('shadow/update', { state: { reported }, clientToken })
    await accepted
  }

  /** Resolves with the first event of this name, rejects after `seconds`. */
  async until(event: keyof DeviceEvents, seconds = 30): Promise<void> {
    await once(this, event, { signal: AbortSignal.timeout(seconds * 1000) }).catch(() => {
      throw new Error(`${this.id}: no ${event} within ${seconds} s`)
    })
  }

  #answers = new Map<string, () => void>()

  #answerTo(clientToken: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#answers.set(clientToken, resolve)
    return promise
  }

  #message(topic: string, body: unknown) {
    return {
      topic: `devices/${this.id}/${topic}`,
      payload: Buffer.from(JSON.stringify(body)),
      qos: 1,
      retain: false,
    } as const
  }

  async #publish(topic: string, body: unknown): Promise<void> {
    const message = this.#message(topic, body)
    await this.#mqtt?.publishAsync(message.topic, message.payload, { qos: 1 })
  }

  #receive(topic: string, payload: Buffer): void {
    const body: unknown = JSON.parse(payload.toString('utf8'))
    const kind = topic.slice(`devices/${this.id}/`.length)
    if (kind === 'shadow/delta') this.#converge(Delta.parse(body))
    else if (kind === 'ota/notify') this.#startUpdate(Notice.parse(body))
    else if (kind === 'cert/renew') this.emit('renewalAsked')
    else {
      const { clientToken } = Accepted.parse(body)
      this.#answers.get(clientToken)?.()
      this.#answers.delete(clientToken)
    }
  }

  #converge({ state, version }: z.infer<typeof Delta>): void {
    this.state = { ...this.state, ...state }
    this.report(this.state).then(
      () => this.emit('converged', version),
      (error: unknown) => this.emit('failed', String(error)),
    )
  }

  // A notice may come twice; the update it names runs once.
  #startUpdate(notice: Notice): void {
    if (this.#updating !== undefined || notice.version === this.firmware) return
    this.#updating = this.#update(notice)
      .then(() => this.emit('updated', notice.version))
      .catch((error: unknown) => this.emit('failed', String(error)))
      .finally(() => {
        this.#updating = undefined
      })
  }

  async #update({ number, version, url, sha256 }: Notice): Promise<void> {
    const say = (state: string, more: object = {}) =>
      this.#publish('ota/status', { number, state, ...more })
    await say('downloading', { progress: 0 })
    const answer = await ask(new URL(url, this.#options.server).href, this.tls)
    const digest = createHash('sha256').update(answer.body).digest('hex')
    if (answer.status !== 200 || digest !== sha256) {
      await say('failed', { code: answer.status, messages: ['download does not match its digest'] })
      throw new Error(`${this.id}: download answered ${answer.status}`)
    }
    await say('downloaded', { progress: 100 })
    await say('installing')
    await say('rebooting')
    this.firmware = version
    await this.disconnect()
    await this.connect()
    await say('succeeded', { firmware_ver: version })
  }
}

function shown(bootstrap: Bootstrap, id: string, csr: string): object {
  if (bootstrap.way === 'token') return { token: bootstrap.token }
  if (bootstrap.way === 'claim') return {}
  const time = Math.floor(Date.now() / 1000)
  const nonce = randomBytes(16).toString('hex')
  const der = Buffer.from(csr.replaceAll(/-----.*?-----|\s/g, ''), 'base64')
  const digest = createHash('sha256').update(der).digest('hex')
  const mac = createHmac('sha256', bootstrap.key)
    .update(`muster-enroll-1\n${id}\n${time}\n${nonce}\n${digest}\n`)
    .digest('base64url')
  return { shared_key: { credential_id: bootstrap.credentialId, time, nonce, mac } }
}
