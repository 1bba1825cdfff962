import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { handler } from '../../functions/ota/handler.ts'
import { forgetSettings } from '../../shared/setting/read.ts'
import { signedRequest } from '../support/call.ts'
import {
  artifact,
  ecdsaSigner,
  putPart,
  startFirmware,
  upload,
  type Firmware,
} from '../support/firmware.ts'
import { insertToken } from '../support/operator.ts'

const signer = ecdsaSigner()
const stranger = ecdsaSigner()
let firmware: Firmware
let readers = 0
before(async () => {
  firmware = await startFirmware()
  const added = await firmware.ask('POST', '/api/v1/keys', {
    body: { name: 'release-2026', public_key: signer.pem },
  })
  assert.equal(added.status, 201, added.text)
})
after(() => firmware[Symbol.asyncDispose]())

const hex = (content: Buffer) => createHash('sha256').update(content).digest('hex')

test('ok/64 MiB in parts: one twice, broken off, resumed, verified', async () => {
  const content = randomBytes(64 * 2 ** 20)
  const signature = signer.sign(content)
  const begun = await upload(firmware, content, {
    name: 'big.bin',
    signature,
    parts: [3, 1, 8, 1, 5],
  })
  const early = await firmware.ask('POST', `/api/v1/uploads/${begun.id}/complete`)
  assert.equal(early.status, 409)
  assert.deepEqual(early.json.missing, [2, 4, 6, 7])
  const resumed = await upload(firmware, content, { name: 'big.bin', signature })
  assert.equal(resumed.id, begun.id)
  assert.deepEqual(resumed.missing, [2, 4, 6, 7])
  const ended = await firmware.ask('POST', `/api/v1/uploads/${begun.id}/complete`)
  assert.equal(ended.status, 202)
  assert.equal(ended.json.state, 'checking')
  const again = await firmware.ask('POST', `/api/v1/uploads/${begun.id}/complete`)
  assert.equal(again.json.operation_id, ended.json.operation_id)
  await firmware.work()
  const { json: checked } = await firmware.ask('GET', `/api/v1/uploads/${begun.id}`)
  assert.equal(checked.state, 'ready', JSON.stringify(checked))
  const { json: made } = await firmware.ask('GET', `/api/v1/artifacts/${checked.artifact_id}`)
  assert.equal(made.sha256, hex(content))
  assert.equal(made.md5, createHash('md5').update(content).digest('hex'))
  assert.equal(made.signed_by, 'release-2026')
  const late = await putPart(firmware, begun.id, 1, content)
  assert.equal(late.json.code, 'upload.illegal_transition')
  const twice = await firmware.ask('POST', '/api/v1/uploads', {
    body: { name: 'big.bin', bytes: content.length, sha256: hex(content) },
  })
  assert.equal(twice.json.code, 'artifact.exists')
  assert.equal(twice.json.artifact_id, checked.artifact_id)
})

test('fail/a signature of another key, none, and a changed file are refused', async () => {
  const content = randomBytes(9 * 2 ** 20)
  for (const signature of [stranger.sign(content), signer.sign(randomBytes(10)), undefined]) {
    const begun = await upload(firmware, content, {
      name: 'bad.bin',
      ...(signature !== undefined && { signature }),
    })
    await firmware.ask('POST', `/api/v1/uploads/${begun.id}/complete`)
    await firmware.work()
    const { json } = await firmware.ask('GET', `/api/v1/uploads/${begun.id}`)
    assert.equal(json.state, 'refused')
    assert.equal(json.code, 'artifact.signature_untrusted')
    assert.equal((await firmware.ask('GET', `/api/v1/artifacts/${hex(content)}`)).status, 404)
  }
})

test('fail/a part that is not what its digest says, short, or outside', async () => {
  const content = randomBytes(9 * 2 ** 20)
  const begun = await upload(firmware, content, { name: 'parts.bin', parts: [] })
  const put = (n: number, body: Uint8Array, digest: string | undefined) =>
    firmware.ask('PUT', `/api/v1/uploads/${begun.id}/parts/${n}`, {
      body: new Uint8Array(body),
      type: 'application/octet-stream',
      headers: digest === undefined ? {} : { 'content-digest': digest },
    })
  const digest = `sha-256=:${createHash('sha256').update('other').digest('base64')}:`
  assert.equal(
    (await put(1, content.subarray(0, 8 * 2 ** 20), digest)).json.code,
    'upload.digest_mismatch',
  )
  assert.equal((await put(1, content.subarray(0, 10), digest)).status, 400)
  assert.equal((await put(3, content.subarray(0, 10), digest)).status, 400)
  assert.equal((await put(2, content.subarray(0, 10), undefined)).status, 400)
  const gone = await firmware.ask('DELETE', `/api/v1/uploads/${begun.id}`)
  assert.equal(gone.status, 204)
  assert.equal((await firmware.ask('GET', `/api/v1/uploads/${begun.id}`)).status, 404)
})

test('fail/a private key is refused as a trusted key and as a file, and not echoed', async () => {
  const secret = `-----BEGIN PRIVATE KEY-----\n${'QUJD'.repeat(10)}\n-----END PRIVATE KEY-----\n`
  const added = await firmware.ask('POST', '/api/v1/keys', {
    body: { name: 'oops', public_key: secret },
  })
  assert.equal(added.json.code, 'artifact.private_key')
  assert.doesNotMatch(added.text, /QUJDQUJD/)
  const content = Buffer.from(secret)
  const query = new URLSearchParams({ name: 'key.pem', signature: signer.sign(content) })
  const sent = await firmware.ask('POST', `/api/v1/artifacts?${query.toString()}`, {
    body: new Uint8Array(content),
    type: 'application/octet-stream',
  })
  assert.equal(sent.json.code, 'artifact.private_key')
})

test('ok/a whole file by one request; a wrong signature leaves nothing', async () => {
  const content = randomBytes(100_000)
  const query = new URLSearchParams({ name: 'raw.bin', signature: stranger.sign(content) })
  const refused = await firmware.ask('POST', `/api/v1/artifacts?${query.toString()}`, {
    body: new Uint8Array(content),
    type: 'application/octet-stream',
  })
  assert.equal(refused.status, 422, refused.text)
  const told = await firmware.rows<{ kind: string }>(
    `select kind from events where kind = 'artifact.refused' and payload like '%raw.bin%'`,
  )
  assert.equal(told.length, 1)
  const audited = await firmware.rows<{ actor: string; code: string }>(
    `select actor, code from audit where verb = 'artifact.create' and target = 'raw.bin'`,
  )
  assert.deepEqual(audited, [{ actor: 'token ops', code: 'artifact.signature_untrusted' }])
  const made = await artifact(firmware, signer, content, 'raw.bin')
  assert.equal(made.bytes, content.length)
  const gone = await firmware.ask('DELETE', `/api/v1/artifacts/${made.id}`)
  assert.equal(gone.status, 204)
})

test('ok/an operator downloads: whole, ranges, conditions, HEAD', async () => {
  const content = randomBytes(300_000)
  const { id, sha256 } = await artifact(firmware, signer, content, 'range.bin')
  const target = `/api/v1/artifacts/${id}/content`
  const get = async (headers: Record<string, string> = {}, method = 'GET') => {
    const token = await insertToken(firmware.cloned.db, `reader-${++readers}`, ['operate'])
    const response = await handler(
      signedRequest('ota', target, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
      }),
      firmware.ota,
    )
    return { response, body: Buffer.from(await response.arrayBuffer()) }
  }
  const whole = await get()
  assert.equal(whole.response.status, 200)
  assert.deepEqual(whole.body, content)
  const tag = whole.response.headers.get('etag') ?? ''
  assert.equal(tag, `"${sha256}"`)
  const cut = await get({ range: 'bytes=100-' })
  assert.equal(cut.response.status, 206)
  assert.equal(cut.response.headers.get('content-range'), 'bytes 100-299999/300000')
  assert.deepEqual(cut.body, content.subarray(100))
  const other = await get({ range: 'bytes=100-', 'if-range': '"another"' })
  assert.equal(other.response.status, 200)
  assert.equal((await get({ range: 'bytes=300000-' })).response.status, 416)
  assert.equal((await get({ 'if-none-match': tag })).response.status, 304)
  const head = await get({}, 'HEAD')
  assert.equal(head.response.headers.get('content-length'), '300000')
  assert.equal(head.body.length, 0)
  const [row] = await firmware.rows<{ object: string }>(
    'select object from artifacts where artifact_id = $1',
    id,
  )
  const place = path.join(firmware.folder, 'objects', 'objects', row?.object ?? '')
  writeFileSync(place, Buffer.concat([content.subarray(0, -1), Buffer.from([1])]))
  await assert.rejects(get(), /not the artifact/)
})

test('ok/unsigned files where the setting allows them; a wrong signature not even then', async () => {
  await firmware.rows(
    `insert into settings (name, value, updated_by) values ('artifact.allow_unsigned', 'true', 'test')`,
  )
  forgetSettings(firmware.ota.db)
  const content = randomBytes(1000)
  const send = (query: Record<string, string>) =>
    firmware.ask('POST', `/api/v1/artifacts?${new URLSearchParams(query).toString()}`, {
      body: new Uint8Array(content),
      type: 'application/octet-stream',
    })
  const wrong = await send({ name: 'free.bin', signature: stranger.sign(content) })
  assert.equal(wrong.json.code, 'artifact.signature_untrusted')
  const made = await send({ name: 'free.bin' })
  assert.equal(made.status, 201, made.text)
  assert.deepEqual([made.json.signature, made.json.signed_by], ['unsigned_allowed', null])
  await firmware.rows(`delete from settings where name = 'artifact.allow_unsigned'`)
  forgetSettings(firmware.ota.db)
})

test('fail/formats that are not read are refused by name', async () => {
  const begun = await firmware.ask('POST', '/api/v1/uploads', {
    body: { name: 'a.swu', bytes: 10, sha256: '0'.repeat(64), format: 'swu' },
  })
  assert.equal(begun.status, 400)
  assert.match(begun.text, /swu, raucb, mender and mcuboot are not read by this version/)
})
