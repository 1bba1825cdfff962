// Firmware from an S3 store through HAProxy: the function sends a device there, the store's own signature opens it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { handler } from '../../functions/ota/handler.ts'
import { signedRequest } from '../support/call.ts'
import { insertCertificate, selfSigned } from '../support/certificate.ts'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { testState } from '../support/edge-behind.ts'
import { EdgeClient } from '../support/edge-client.ts'
import { run } from '../support/exec.ts'
import { hasHaproxy, startHaproxy } from '../support/haproxy.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { Rollouts } from '../support/rollouts.ts'
import { startVersitygw, versitygw } from '../support/s3.ts'

const there =
  versitygw.skip === false ? needs('haproxy', hasHaproxy && existsSync('/usr/bin/curl')) : versitygw

async function curl(...args: string[]): Promise<Buffer> {
  const { stdout } = await run('sh', ['-c', 'curl -sk "$@" | base64 -w0', 'curl', ...args])
  return Buffer.from(stdout, 'base64')
}

test(
  'a device is sent to the store: whole, by Range; without the signature nothing',
  there,
  async () => {
    using certificates = makeClientCertificates()
    await using s3 = await startVersitygw()
    const [port = 0] = await freePorts(1)
    const edge = `https://localhost:${port}`
    const state = testState(certificates)
    await using haproxy = await startHaproxy({
      port,
      state,
      env: { FILES: new URL(s3.endpoint).host },
    })
    await using rollouts = await Rollouts.create({
      S3_ENDPOINT: s3.endpoint,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
      FILES_URL: edge,
    })
    const { ids } = await rollouts.fleet(1)
    const [id = ''] = ids
    const shown = selfSigned(id)
    await insertCertificate(rollouts.firmware.cloned.db, id, shown)
    const ask = (method: string) =>
      handler(
        signedRequest('ota', `/api/v1/artifacts/${rollouts.artifactId}/content`, {
          method,
          certificate: shown.der,
        }),
        rollouts.firmware.ota,
      )
    assert.equal((await ask('GET')).status, 403)
    await rollouts.plan('files', `device_id = ${id}`)
    await rollouts.start('files')
    assert.equal((await ask('HEAD')).status, 200)
    const sent = await ask('GET')
    assert.equal(sent.status, 307)
    const location = sent.headers.get('location') ?? ''
    assert.ok(location.startsWith(`${edge}/files/`), location)
    const { content } = rollouts
    assert.ok((await curl(location)).equals(content))
    assert.ok((await curl('-r', '500000-', location)).equals(content.subarray(500_000)))
    const head = (await curl('-D', '-', '-o', '/dev/null', '-r', '0-99', location)).toString()
    assert.match(head, /^HTTP\/1.1 206 /)
    assert.match(head, /\r\nContent-Range: bytes 0-99\/1000000\r\n/)
    assert.doesNotMatch(head, /x-amz-/i)
    const client = new EdgeClient(haproxy.port, certificates)
    const { pathname } = new URL(location)
    assert.equal((await client.get(pathname)).status, 403)
    assert.equal((await client.get(location.slice(edge.length).replace(/.$/, '0'))).status, 403)
    assert.equal(
      (await client.send(`DELETE ${pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).status,
      404,
    )
  },
)
