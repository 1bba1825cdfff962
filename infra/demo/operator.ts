import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Bootstrap, Device } from './device.ts'
import { ask, jsonOf, type Tls } from './request.ts'

const Secret = z.object({ name: z.string(), secret: z.string() })
const Claim = Secret.extend({ certificate: z.string(), chain: z.string() })
const Operation = z.object({
  id: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
})
const Counted = z.object({ count: z.number() })
const Named = z.object({ id: z.string() })
const Rollout = z.object({
  status: z.string(),
  done: z.number(),
  failed: z.number(),
  groups: z.array(z.unknown()),
})
export const DeviceRow = z.object({
  device_id: z.string(),
  hardware_rev: z.string().nullable(),
  firmware_ver: z.string().nullable(),
  cert_serial: z.string().nullable(),
  connected: z.boolean(),
})
export type DeviceRow = z.infer<typeof DeviceRow>
const Page = z.object({ items: z.array(DeviceRow), next: z.string().nullable() })

const POLL_MS = 100

/** The operator's side of the demo: the public API with a token, nothing else. */
export class Operator {
  readonly #server: string
  readonly #tls: Tls
  readonly #token: string

  constructor(server: string, ca: string, token: string) {
    this.#server = server
    this.#tls = { ca }
    this.#token = token
  }

  async #send<T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    body?: object | Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const raw = typeof body === 'string' || Buffer.isBuffer(body)
    const answer = await ask(`${this.#server}/api/v1/${path}`, this.#tls, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body !== undefined && !raw && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
    })
    return jsonOf(answer, schema, `${method} ${path}`)
  }

  /** Whether the registry knows a device. */
  async knows(id: string): Promise<boolean> {
    const answer = await ask(
      `${this.#server}/api/v1/devices/${encodeURIComponent(id)}`,
      this.#tls,
      {
        headers: { authorization: `Bearer ${this.#token}` },
      },
    )
    return answer.status === 200
  }

  /** Puts the devices on the allowlist, as a factory's file. */
  async allow(devices: readonly Device[]): Promise<void> {
    const { id } = await this.#send('POST', 'allowlist/imports', Operation, {})
    const lines = devices.map(
      (device) => `device_id,${device.id},${device.id},${device.hardware},,,1`,
    )
    const header = 'match,value,device_id,hardware_rev,credentials,expires_at,max_uses'
    const all = [header, ...lines]
    for (let at = 0; at < all.length; at += 10_000) {
      const rows = `${all.slice(at, at + 10_000).join('\n')}\n`
      await this.#send('POST', `allowlist/imports/${id}/rows?from=${at + 1}`, z.unknown(), rows, {
        'content-type': 'text/csv',
      })
    }
    await this.#send('POST', `allowlist/imports/${id}/commit`, z.unknown())
    await this.#untilDone(id, 'the import')
  }

  /** One credential of each kind, for `uses` devices each. */
  async bootstraps(uses: number): Promise<readonly Bootstrap[]> {
    const common = { max_uses: uses, expires_seconds: 3600 }
    const make = <T>(kind: string, schema: z.ZodType<T>) =>
      this.#send('POST', 'credentials', schema, { kind, ...common })
    const [token, claim, shared] = await Promise.all([
      make('token', Secret),
      make('claim', Claim),
      make('shared_key', Secret),
    ])
    return [
      { way: 'token', token: token.secret },
      { way: 'claim', certificate: claim.certificate + claim.chain, key: claim.secret },
      { way: 'shared key', credentialId: shared.name, key: Buffer.from(shared.secret, 'hex') },
    ]
  }

  /** Changes desired state of what a query selects. */
  async desire(query: string, desired: object): Promise<void> {
    const change = { state: { desired } }
    const bulk = { q: query, change }
    const { count } = await this.#send('POST', 'bulk/shadows', Counted, { ...bulk, dry_run: true })
    const { id } = await this.#send('POST', 'bulk/shadows', Named, { ...bulk, expect: count })
    await this.#untilDone(id, 'the bulk change')
  }

  async #untilDone(id: string, what: string): Promise<void> {
    for (;;) {
      const { state } = await this.#send('GET', `operations/${id}`, Operation)
      if (state === 'succeeded') return
      if (state === 'failed' || state === 'cancelled') throw new Error(`${what} ${state}`)
      await sleep(POLL_MS)
    }
  }

  /** Trusts a key made for this, uploads an image signed with it, and makes a release for the revisions. */
  async release(name: string, version: string, hardware: readonly string[], image: Buffer) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    await this.#send('POST', 'keys', z.unknown(), { name: `${name}-key`, public_key: pem })
    const signature = sign('sha256', image, privateKey).toString('base64')
    const query = new URLSearchParams({ name: `${name}.img`, version, signature })
    const digest = createHash('sha256').update(image).digest('base64')
    const { id } = await this.#send('POST', `artifacts?${query.toString()}`, Named, image, {
      'content-type': 'application/octet-stream',
      'content-digest': `sha-256=:${digest}:`,
    })
    const artifacts = hardware.map((revision) => ({ hardware_rev: revision, artifact_id: id }))
    await this.#send('POST', 'releases', z.unknown(), { name, version, artifacts })
  }

  /** Makes and starts a rollout, and tells of it until it has ended. */
  async rollout(
    name: string,
    options: { release: string; query: string; groups: number },
    tell: (done: number) => void,
  ): Promise<z.infer<typeof Rollout>> {
    const made = await this.#send('POST', 'rollouts', z.object({ revision: z.string() }), {
      name,
      ...options,
    })
    const match = { 'if-match': `"${made.revision}"` }
    await this.#send('POST', `rollouts/${name}/start`, z.unknown(), {}, match)
    for (;;) {
      const now = await this.#send('GET', `rollouts/${name}`, Rollout)
      tell(now.done)
      if (!['ready', 'starting', 'running'].includes(now.status)) return now
      await sleep(POLL_MS)
    }
  }

  /** Asks a device to renew, by the message that the expiry scan sends too. */
  async askToRenew(serial: string): Promise<void> {
    await this.#send('POST', `certificates/${serial}/renew`, z.unknown(), {})
  }

  async revoke(serial: string): Promise<void> {
    await this.#send('POST', `certificates/${serial}/revoke`, z.unknown(), { reason: 'superseded' })
  }

  async device(id: string): Promise<DeviceRow> {
    return this.#send('GET', `devices/${encodeURIComponent(id)}`, DeviceRow)
  }

  async devices(query: string): Promise<DeviceRow[]> {
    const found: DeviceRow[] = []
    let cursor = ''
    for (;;) {
      const parameters = new URLSearchParams({ q: query, limit: '1000', ...(cursor && { cursor }) })
      const page = await this.#send('GET', `devices?${parameters.toString()}`, Page)
      found.push(...page.items)
      if (page.next === null) return found
      cursor = page.next
    }
  }
}
