// Rollouts of one release over devices of the test's own.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { insertDevice } from './certificate.ts'
import { artifact, ecdsaSigner, startFirmware, type Firmware } from './firmware.ts'
import type { Ask } from './function-host.ts'

export interface Offer {
  readonly device_id: string
  readonly number: number
}

/** What a device says of its action. */
export const status = ({ device_id: id, number }: Offer, said: object) => ({
  topic: `devices/${id}/ota/status`,
  payload: { number, ...said },
})

export class Rollouts implements AsyncDisposable {
  readonly firmware: Firmware
  readonly content: Buffer
  artifactId = ''
  #count = 0

  private constructor(firmware: Firmware) {
    this.firmware = firmware
    this.content = randomBytes(1_000_000)
  }

  /** A release `winter` of version 2.5.0 for hardware A, signed. */
  static async create(env: Record<string, string> = {}): Promise<Rollouts> {
    const made = new Rollouts(await startFirmware(env))
    // A new bucket is made by the look at the store.
    if (env['S3_ENDPOINT'] !== undefined) await made.firmware.work()
    const signer = ecdsaSigner()
    const { ask } = made.firmware
    await ask('POST', '/api/v1/keys', { body: { name: 'release-2026', public_key: signer.pem } })
    made.artifactId = (await artifact(made.firmware, signer, made.content, 'fw.bin')).id
    const artifacts = [{ hardware_rev: 'A', artifact_id: made.artifactId }]
    const release = await ask('POST', '/api/v1/releases', {
      body: { name: 'winter', version: '2.5.0', artifacts },
    })
    assert.equal(release.status, 201, release.text)
    return made
  }

  /** Devices of a name of their own, and the query that selects them. */
  async fleet(size: number): Promise<{ ids: string[]; query: string }> {
    const prefix = `f${++this.#count}-`
    const ids = Array.from({ length: size }, (_, index) => `${prefix}${index + 100}`)
    const { db } = this.firmware.cloned
    for (const id of ids) await insertDevice(db, id, { firmwareVer: '2.4.0' })
    return { ids, query: `device_id like ${prefix}*` }
  }

  async plan(name: string, query: string, rules: object = {}) {
    const body = { name, release: 'winter', query, ...rules }
    const made = await this.firmware.ask('POST', '/api/v1/rollouts', { body })
    assert.equal(made.status, 201, made.text)
    return made
  }

  async read(name: string) {
    return (await this.firmware.ask('GET', `/api/v1/rollouts/${name}`)).json
  }

  async tag(name: string): Promise<Record<string, string>> {
    return { 'if-match': `"${(await this.read(name)).revision}"` }
  }

  async verb(name: string, what: string, ask: Ask = this.firmware.ask) {
    const headers = await this.tag(name)
    return ask('POST', `/api/v1/rollouts/${name}/${what}`, { headers })
  }

  /** Starts and lets the engine select and offer. */
  async start(name: string): Promise<void> {
    const started = await this.verb(name, 'start')
    assert.equal(started.status, 200, started.text)
    await this.firmware.work()
    await this.firmware.step()
    await this.firmware.step()
  }

  open(name: string): Promise<Offer[]> {
    return this.firmware.rows<Offer>(
      `select a.device_id, a.number from actions a join rollouts r using (rollout_id)
        where r.name = $1 and a.phase = 'open' order by device_id`,
      name,
    )
  }

  async stateOf({ device_id: id, number }: Offer): Promise<string> {
    return (await this.firmware.ask('GET', `/api/v1/actions/${id}/${number}`)).json.state
  }

  async firmwareOf(id: string): Promise<string | undefined> {
    const text = 'select firmware_ver from devices where device_id = $1'
    const [row] = await this.firmware.rows<{ firmware_ver: string }>(text, id)
    return row?.firmware_ver
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.firmware[Symbol.asyncDispose]()
  }
}
