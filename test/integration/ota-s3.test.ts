import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { handler } from '../../functions/ota/handler.ts'
import { signedRequest } from '../support/call.ts'
import { artifact, ecdsaSigner, putPart, startFirmware, upload } from '../support/firmware.ts'
import { insertToken } from '../support/operator.ts'
import { startVersitygw, versitygw } from '../support/s3.ts'

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test(
  'ok/over S3: parts in any order, one twice, verified; ranges; refused ones are gone',
  versitygw,
  async () => {
    await using s3 = await startVersitygw()
    await using firmware = await startFirmware({
      S3_ENDPOINT: s3.endpoint,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
    })
    await firmware.work()
    const [mark] = await firmware.rows<{ problem: string | null }>(
      `select problem from health_marks where name = 'store'`,
    )
    assert.equal(mark?.problem, null)
    const signer = ecdsaSigner()
    await firmware.ask('POST', '/api/v1/keys', { body: { name: 'k', public_key: signer.pem } })
    const content = randomBytes(20 * 2 ** 20)
    const signature = signer.sign(content)
    const begun = await upload(firmware, content, { name: 'a.bin', signature, parts: [3, 1, 3] })
    assert.equal((await putPart(firmware, begun.id, 2, content)).status, 200)
    await firmware.ask('POST', `/api/v1/uploads/${begun.id}/complete`)
    await firmware.work()
    const { json: checked } = await firmware.ask('GET', `/api/v1/uploads/${begun.id}`)
    assert.equal(checked.state, 'ready', JSON.stringify(checked))
    const token = await insertToken(firmware.cloned.db, 'reader', ['operate'])
    const get = async (range?: string) => {
      const headers = { authorization: `Bearer ${token}`, ...(range !== undefined && { range }) }
      const target = `/api/v1/artifacts/${checked.artifact_id}/content`
      const response = await handler(
        signedRequest('ota', target, { method: 'GET', headers }),
        firmware.ota,
      )
      return Buffer.from(await response.arrayBuffer())
    }
    assert.equal(hash(await get()), hash(content))
    const from = 9 * 2 ** 20
    assert.equal(hash(await get(`bytes=${from}-`)), hash(content.subarray(from)))
    assert.equal(hash(await get('bytes=-5')), hash(content.subarray(-5)))
    const raw = randomBytes(10 * 2 ** 20)
    const made = await artifact(firmware, signer, raw, 'raw.bin')
    assert.equal(made.sha256, hash(raw))
    const bad = randomBytes(9 * 2 ** 20)
    const refused = await upload(firmware, bad, { name: 'bad.bin' })
    await firmware.ask('POST', `/api/v1/uploads/${refused.id}/complete`)
    await firmware.work()
    const [row] = await firmware.rows<{ object: string; state: string }>(
      'select object, state from uploads where upload_id = $1',
      refused.id,
    )
    assert.equal(row?.state, 'refused')
    assert.equal(await firmware.ota.objects.head(row?.object ?? ''), undefined)
  },
)
