// A device made of openssl, curl, mosquitto_pub and mosquitto_sub: nothing in it is Muster's.
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exitOf, run, runOk, type Ran } from '../../support/exec.ts'
import type { Muster } from '../../support/muster.ts'
import { until } from '../../support/until.ts'

export interface Answered {
  readonly status: number
  /** Header names in the case in which they came. */
  readonly head: string
  readonly body: Buffer
  readonly json: Record<string, unknown>
}

export interface Message {
  readonly topic: string
  readonly retained: boolean
  readonly text: string
  readonly json: Record<string, unknown>
}

/** What came to a subscription so far; `next` waits for a message of a topic. */
export interface Subscription {
  readonly messages: Message[]
  /** How often it connected: mosquitto_sub tries again whenever it was thrown off. */
  connects(): number
  next(topic: string, seconds?: number): Promise<Message>
  /** Resolves when the connection is gone. */
  readonly gone: Promise<number>
  end(): Promise<void>
}

export class ShellDevice {
  readonly id: string
  readonly muster: Muster
  /** Leaf alone, or leaf with chain: what the MQTT client sends. */
  sends: 'leaf' | 'chain' = 'leaf'
  #seen = 0

  private constructor(muster: Muster, id: string) {
    this.muster = muster
    this.id = id
  }

  /** Makes the key and the request for a certificate. */
  static async create(muster: Muster, id: string): Promise<ShellDevice> {
    const device = new ShellDevice(muster, id)
    await device.newKey()
    return device
  }

  file(name: string): string {
    return path.join(this.muster.data, `${this.id}.${name}`)
  }

  async newKey(): Promise<void> {
    const key = this.file('key')
    await runOk('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
    await this.newRequest()
  }

  async newRequest(subject = `/CN=${this.id}`): Promise<void> {
    const out = ['-out', this.file('csr')]
    await runOk('openssl', ['req', '-new', '-key', this.file('key'), '-subj', subject, ...out])
  }

  get csr(): string {
    return readFileSync(this.file('csr'), 'utf8')
  }

  get identity(): { cert: string; key: string } {
    return {
      cert: readFileSync(this.file('chain.pem'), 'utf8'),
      key: readFileSync(this.file('key'), 'utf8'),
    }
  }

  /** curl with the device's own certificate, or another's. */
  get withCertificate(): string[] {
    return ['--cert', this.file('chain.pem'), '--key', this.file('key')]
  }

  /** Runs curl; status, head and body of the last answer. */
  async curl(target: string, ...args: string[]): Promise<Answered> {
    const body = this.file(`body${this.#seen++}`)
    const head = `${body}.head`
    const url = target.startsWith('https:') ? target : this.muster.url + target
    const common = ['-sS', '--max-time', '60', '--cacert', this.muster.caFile]
    const { stdout, stderr, code } = await run('curl', [
      ...common,
      '-o',
      body,
      '-D',
      head,
      '-w',
      '%{http_code}',
      ...args,
      url,
    ])
    if (code !== 0) throw new Error(`curl ${target}: exit ${code} ${stderr}`)
    const bytes = readFileSync(body)
    return {
      status: Number(stdout),
      head: readFileSync(head, 'latin1'),
      body: bytes,
      json: jsonOf(bytes.toString('utf8')),
    }
  }

  /** POST /api/v1/enroll with what is shown; keeps certificate and chain when it is answered 200. */
  async enroll(shown: object, ...args: string[]): Promise<Answered> {
    return this.#ask('/api/v1/enroll', { device_id: this.id, csr: this.csr, ...shown }, args)
  }

  async #ask(target: string, body: object, args: string[]): Promise<Answered> {
    const file = this.file(`ask${this.#seen++}`)
    writeFileSync(file, JSON.stringify(body))
    const type = ['-H', 'content-type: application/json', '--data-binary', `@${file}`]
    const answer = await this.curl(target, ...type, ...args)
    if (answer.status === 200) {
      this.keep(String(answer.json['certificate']), String(answer.json['chain']))
    }
    return answer
  }

  keep(certificate: string, chain: string): void {
    writeFileSync(this.file('pem'), certificate)
    writeFileSync(this.file('chain.pem'), certificate + chain)
  }

  async serial(): Promise<string> {
    const out = await runOk('openssl', ['x509', '-noout', '-serial', '-in', this.file('pem')])
    return out.trim().replace('serial=', '')
  }

  #mqttArgs(): string[] {
    const cert = this.file(this.sends === 'leaf' ? 'pem' : 'chain.pem')
    return [
      ...['-h', 'localhost', '-p', String(this.muster.mqttsPort), '-i', this.id],
      ...['--cafile', this.muster.caFile, '--cert', cert, '--key', this.file('key')],
    ]
  }

  /** Publishes with QoS 1. */
  async publish(topic: string, message: string | object, ...args: string[]): Promise<Ran> {
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    const own = topic.startsWith('/') ? topic.slice(1) : `devices/${this.id}/${topic}`
    return run('mosquitto_pub', [...this.#mqttArgs(), '-q', '1', '-t', own, '-m', text, ...args], {
      seconds: 15,
    })
  }

  /** Subscribes with QoS 1 to topics below devices/{id}/ (or absolute ones that begin with `/`). */
  subscribe(topics: readonly string[], ...args: string[]): Subscription {
    const filters = topics.flatMap((topic) => [
      '-t',
      topic.startsWith('/') ? topic.slice(1) : `devices/${this.id}/${topic}`,
    ])
    const child = spawn(
      'stdbuf', // it would keep its lines until a message comes
      [
        '-oL',
        'mosquitto_sub',
        ...this.#mqttArgs(),
        '-q',
        '1',
        ...filters,
        '-F',
        '%r %t %p',
        '-d',
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    return subscriptionOf(child)
  }

  /**
   * Publishes and waits for the answer on one connection, as a device has only one: its client id is its name.
   * Undefined when none came in time.
   */
  async ask(
    topic: string,
    message: string | object,
    answer: string,
    seconds = 10,
  ): Promise<Message | undefined> {
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    const own = (name: string) => `devices/${this.id}/${name}`
    const { stdout } = await run(
      'mosquitto_rr',
      [
        ...this.#mqttArgs(),
        ...['-V', 'mqttv311', '-q', '1', '-W', String(seconds), '-F', '%r %t %p'],
        ...['-t', own(topic), '-m', text],
        ...['-e', own(answer)],
      ],
      { seconds: seconds + 5 },
    )
    const line = stdout.split('\n').find((each) => each !== '')
    return line === undefined ? undefined : messageOf(line)
  }
}

function subscriptionOf(child: ChildProcess): Subscription {
  const messages: Message[] = []
  let taken = 0
  let connected = 0
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    connected += lines.filter((line) => line.endsWith('sending CONNECT')).length
    messages.push(...lines.filter((line) => /^[01] \S+ /.test(line)).map(messageOf))
  })
  const gone = exitOf(child)
  return {
    messages,
    connects: () => connected,
    gone,
    next: (topic, seconds = 15) =>
      until(
        `a message on ${topic}, had ${messages.map((m) => m.topic).join(', ')}`,
        () => {
          const at = messages.findIndex((m, index) => index >= taken && m.topic.endsWith(topic))
          if (at === -1) return undefined
          taken = at + 1
          return messages[at]
        },
        seconds,
      ),
    end: async () => {
      child.kill('SIGINT')
      await gone
    },
  }
}

function messageOf(line: string): Message {
  const [, retained = '0', topic = '', text = ''] = /^(\d) (\S+) (.*)$/s.exec(line) ?? []
  return { topic, retained: retained === '1', text, json: jsonOf(text) }
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
