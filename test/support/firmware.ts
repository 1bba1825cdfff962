// The three update functions of one database in this process, and devices that speak to them.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as ota from '../../functions/ota/handler.ts'
import { createDeps as otaDeps, type Deps as OtaDeps } from '../../functions/ota/deps.ts'
import * as notify from '../../functions/ota-notify/handler.ts'
import { createDeps as notifyDeps } from '../../functions/ota-notify/deps.ts'
import * as report from '../../functions/ota-report/handler.ts'
import { createDeps as reportDeps } from '../../functions/ota-report/deps.ts'
import type { Answer } from '../../shared/mqtt/delivery.ts'
import { signedRequest } from './call.ts'
import { asker, type Ask } from './function-host.ts'
import { testHost } from './host.ts'
import { createSender, type TestMessage } from './messages.ts'
import { insertToken } from './operator.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

export interface Firmware extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly folder: string
  readonly ota: OtaDeps
  /** As an operator who may do everything. */
  readonly ask: Ask
  /** As another one. */
  readonly second: Ask
  /** ota's cron until nothing is queued. */
  work(): Promise<void>
  /** One step of the engine. */
  step(): Promise<void>
  say(...messages: TestMessage[]): Promise<Answer>
  rows<R>(text: string, ...values: unknown[]): Promise<R[]>
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

async function tick(name: string, call: () => Promise<Response>): Promise<void> {
  const response = await call()
  assert.ok(response.ok, `${name}: ${response.status} ${await response.text()}`)
}

const cron = (name: string) =>
  signedRequest(name, '/cron?tick=1', { caller: 'connector', method: 'POST' })

/** With `more` variables, such as those of an S3 server. */
export async function startFirmware(more: Record<string, string> = {}): Promise<Firmware> {
  const cloned = await cloneDatabase()
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-ota-'))
  const env = {
    MUSTER_DATA: folder,
    DISK_FREE_MIN_BYTES: '1 MiB',
    API_URL: 'https://muster.test',
    ...more,
  }
  const deps = await otaDeps(testHost('ota', cloned, env))
  const engine = await notifyDeps(testHost('ota-notify', cloned, env))
  const reporting = await reportDeps(testHost('ota-report', cloned, env))
  await cloned.db.unnamed(
    'slots',
    `insert into connector_slots (broker, class) values ('local', 'ota')`,
    [],
  )
  const sender = createSender(1)
  return {
    cloned,
    folder,
    ota: deps,
    ask: asker('ota', ota.handler, deps, await insertToken(cloned.db, 'ops', ['admin'])),
    second: asker('ota', ota.handler, deps, await insertToken(cloned.db, 'boss', ['admin'])),
    work: () => tick('ota', () => ota.handler(cron('ota'), deps)),
    step: () => tick('ota-notify', () => notify.handler(cron('ota-notify'), engine)),
    say: (...messages) => sender.send('ota-report', report.handler, reporting, messages),
    rows: (text, ...values) => cloned.db.unnamed('test', text, values),
    [Symbol.asyncDispose]: async () => {
      await cloned[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Signer {
  readonly pem: string
  sign(content: Uint8Array): string
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

/** Signs as `openssl dgst -sha256 -sign` does. */
export function ecdsaSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    pem: pemOf(publicKey),
    sign: (content) => sign('sha256', content, privateKey).toString('base64'),
  }
}

/** Uploads a file in parts, and answers the upload when it was checked. */
export async function upload(
  firmware: Firmware,
  content: Buffer,
  options: { name: string; signature?: string; parts?: readonly number[] },
) {
  const { name, signature, parts } = options
  const begun = await firmware.ask('POST', '/api/v1/uploads', {
    body: { name, bytes: content.length, sha256: sha256(content).toString('hex'), signature },
  })
  assert.ok(begun.status === 201 || begun.status === 200, begun.text)
  const { id, part_bytes: size, missing } = begun.json
  for (const n of parts ?? missing) await putPart(firmware, id, n, content, size)
  return begun.json
}

export function putPart(
  firmware: Firmware,
  id: string,
  n: number,
  content: Buffer,
  size = 8 * 2 ** 20,
) {
  const body = new Uint8Array(content.subarray((n - 1) * size, n * size))
  const digest = `sha-256=:${sha256(body).toString('base64')}:`
  return firmware.ask('PUT', `/api/v1/uploads/${id}/parts/${n}`, {
    body,
    type: 'application/octet-stream',
    headers: { 'content-digest': digest },
  })
}

/** A small artifact by the raw route, as curl sends it. */
export async function artifact(firmware: Firmware, signer: Signer, content: Buffer, name: string) {
  const query = new URLSearchParams({ name, signature: signer.sign(content) })
  const made = await firmware.ask('POST', `/api/v1/artifacts?${query.toString()}`, {
    body: new Uint8Array(content),
    type: 'application/octet-stream',
  })
  assert.equal(made.status, 201, made.text)
  return made.json
}
