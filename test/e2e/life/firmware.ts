import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { runOk } from '../../support/exec.ts'
import type { Muster } from '../../support/muster.ts'
import { until } from '../../support/until.ts'
import type { ShellDevice } from './shell-device.ts'
import { enrolled } from './state.ts'

const MIB = 2 ** 20
const IMAGE_BYTES = 64 * MIB
const PART = 8 * MIB

interface Image {
  readonly file: string
  readonly bytes: Buffer
  readonly sha256: string
  readonly signature: string
  readonly wrong: string
}

/** An image of 64 MiB, its detached signature by openssl, and one by a key that nobody trusts. */
async function image(muster: Muster): Promise<Image> {
  const file = path.join(muster.data, 'firmware.img')
  const bytes = randomBytes(IMAGE_BYTES)
  writeFileSync(file, bytes)
  const sign = async (name: string) => {
    const key = path.join(muster.data, `${name}.key`)
    const out = path.join(muster.data, `${name}.sig`)
    await runOk('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
    await runOk('openssl', ['dgst', '-sha256', '-sign', key, '-out', out, file])
    const pub = path.join(muster.data, `${name}.pub`)
    await runOk('openssl', ['pkey', '-in', key, '-pubout', '-out', pub])
    return out
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { file, bytes, sha256, signature: await sign('trusted'), wrong: await sign('foreign') }
}

async function refusesUntrusted(muster: Muster, { file, wrong }: Image, t: TestContext) {
  await t.test(
    'fail/a private key is not taken, a foreign signature refused at upload',
    async () => {
      const key = path.join(muster.data, 'trusted.key')
      assert.notEqual((await muster.muster('key', 'add', key, '--name', 'private')).code, 0)
      const pub = path.join(muster.data, 'trusted.pub')
      await muster.json('key', 'add', pub, '--name', 'release')
      const uploaded = await muster.muster(
        'artifact',
        'upload',
        file,
        '--version',
        '2.5.0',
        '--signature',
        wrong,
      )
      assert.equal(uploaded.code, 1)
      assert.match(uploaded.stderr, /artifact\.signature_untrusted/)
    },
  )
}

async function uploadsInParts(
  muster: Muster,
  { file, bytes, sha256, signature }: Image,
  t: TestContext,
) {
  await t.test('ok/parts: one twice, broken off, resumed', async () => {
    const begun = await muster.api('POST', '/api/v1/uploads', {
      body: {
        name: 'firmware.img',
        version: '2.5.0',
        bytes: bytes.length,
        sha256,
        signature: readFileSync(signature).toString('base64'),
      },
    })
    assert.equal(begun.status, 201, begun.text)
    const { id, part_bytes: size } = begun.json as { id: string; part_bytes: number }
    assert.equal(size, PART)
    const put = (number: number, part: Buffer) =>
      muster.api('PUT', `/api/v1/uploads/${id}/parts/${number}`, {
        body: part,
        type: 'application/octet-stream',
        headers: {
          'content-digest': `sha-256=:${createHash('sha256').update(part).digest('base64')}:`,
        },
      })
    const part = (number: number) => bytes.subarray((number - 1) * PART, number * PART)
    assert.equal((await put(3, part(3))).status, 200)
    assert.equal((await put(3, part(3))).status, 200)
    const broken = await muster.api('PUT', `/api/v1/uploads/${id}/parts/1`, {
      body: part(1),
      type: 'application/octet-stream',
      headers: { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` },
    })
    assert.equal(broken.status, 422)
    const early = await muster.api('POST', `/api/v1/uploads/${id}/complete`)
    assert.equal(early.status, 409, early.text)
    await muster.restart('SIGKILL')
    // The command goes on with what is missing.
    await muster.json('artifact', 'upload', file, '--version', '2.5.0', '--signature', signature)
    const { items } = (await muster.json('artifact', 'list')) as { items: { sha256: string }[] }
    assert.deepEqual(
      items.map((item) => item.sha256),
      [sha256],
    )
  })
}

interface Notice {
  number: number
  url: string
  size: number
  sha256: string
  version: string
}

async function downloads(device: ShellDevice, notice: Notice): Promise<void> {
  const out = device.file('image')
  const url = new URL(notice.url, device.muster.url).href
  const half = Math.floor(notice.size / 2)
  const first = await device.curl(url, ...device.withCertificate, '-r', `0-${half - 1}`)
  assert.equal(first.status, 206)
  assert.equal(first.body.length, half)
  writeFileSync(out, first.body)
  const rest = await device.curl(url, ...device.withCertificate, '-r', `${half}-`)
  assert.equal(rest.status, 206)
  const whole = Buffer.concat([first.body, rest.body])
  assert.equal(createHash('sha256').update(whole).digest('hex'), notice.sha256)
  const none = await device.curl(url)
  assert.equal(none.status, 401)
}

async function release(muster: Muster): Promise<void> {
  const { items } = (await muster.json('artifact', 'list')) as { items: { id: string }[] }
  const artifact = `A=${items[0]?.id ?? ''}`
  await muster.json('release', 'create', 'winter', '--version', '2.5.0', '--artifact', artifact)
}

async function startRollout(muster: Muster, name: string, query: string): Promise<void> {
  await muster.json('rollout', 'create', name, '--release', 'winter', '--query', query)
  const started = await muster.muster('rollout', 'start', name)
  assert.equal(started.code, 0, started.stderr)
}

async function statusOf(muster: Muster, name: string): Promise<string> {
  const { status } = (await muster.json('rollout', 'show', name)) as { status: string }
  return status
}

async function actionOf(
  muster: Muster,
  rollout: string,
): Promise<{ phase: string; state: string }> {
  const { items } = (await muster.json('action', 'list', '--rollout', rollout)) as {
    items: { phase: string; state: string }[]
  }
  assert.equal(items.length, 1, 'an action is made once')
  return items[0] ?? { phase: '', state: '' }
}

const QUERY = `firmware_ver < 2.5.0 and status = 'active'`

async function updates(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('ok/notified, downloads with Range, reports, and runs the new version', async () => {
    const subscription = device.subscribe(['ota/notify'])
    await startRollout(muster, 'winter', `${QUERY} and device_id = ${id}`)
    const { json } = await subscription.next('ota/notify')
    await subscription.end()
    const notice = json as unknown as Notice
    assert.equal(notice.version, '2.5.0')
    await downloads(device, notice)
    const { number } = notice
    for (const state of ['downloading', 'downloaded', 'installing']) {
      await device.publish('ota/status', { number, state })
    }
    await until('installing', async () => (await actionOf(muster, 'winter')).state === 'installing')
    await muster.restart('SIGKILL')
    await device.publish('ota/status', { number, state: 'rebooting' })
    await device.publish('ota/status', { number, state: 'succeeded' })
    const { firmware_ver: before } = (await muster.json('device', 'show', id)) as {
      firmware_ver: string
    }
    assert.equal(before, '2.4.0')
    await device.publish('status', { connected: true, firmware_ver: '2.5.0' })
    await until(
      'the rollout finished',
      async () => (await statusOf(muster, 'winter')) === 'finished',
    )
    const { firmware_ver: after } = (await muster.json('device', 'show', id)) as {
      firmware_ver: string
    }
    assert.equal(after, '2.5.0')
  })
}

async function seesThroughLies(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('fail/says it succeeded and still runs the old version: not updated', async () => {
    const subscription = device.subscribe(['ota/notify'])
    await startRollout(muster, 'liar', `${QUERY} and device_id = ${id}`)
    const { json } = await subscription.next('ota/notify')
    await subscription.end()
    const { number } = json as unknown as Notice
    await device.publish('ota/status', { number, state: 'rebooting' })
    await device.publish('ota/status', { number, state: 'succeeded', firmware_ver: '2.4.0' })
    const action = await until('the action ended', async () => {
      const found = await actionOf(muster, 'liar')
      return found.phase === 'ended' && found
    })
    assert.equal(action.state, 'failed')
  })
}

/** §2.5: upload, release, rollout, download, verified version. */
export async function firmware(muster: Muster, t: TestContext): Promise<void> {
  const built = await image(muster)
  await refusesUntrusted(muster, built, t)
  await uploadsInParts(muster, built, t)
  await release(muster)
  await updates(await enrolled(muster, 'e2e-updates'), t)
  await seesThroughLies(await enrolled(muster, 'e2e-liar'), t)
}
