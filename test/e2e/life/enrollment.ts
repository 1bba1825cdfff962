import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { runOk } from '../../support/exec.ts'
import type { Muster } from '../../support/muster.ts'
import { allow, allowed, claim, sharedKey, token } from './operator.ts'
import { shownSharedKey } from './shared-key.ts'
import { ShellDevice, type Answered } from './shell-device.ts'

/** The refusal without what differs by call. */
function refusal({ status, json }: Answered): object {
  const { call_id: callId, ...rest } = json
  assert.equal(typeof callId, 'string')
  return { status, ...rest }
}

const REJECTED = {
  status: 401,
  type: '/errors/enrollment.rejected',
  code: 'enrollment.rejected',
  title: 'The enrollment was refused',
}

/** The leaf leads to the device root, which the broker and the edge trust, whatever the server says of itself. */
async function verifies(device: ShellDevice): Promise<void> {
  const roots = device.file('roots.pem')
  const { body } = await device.curl('/pki/ca.pem')
  writeFileSync(roots, body)
  const chain = device.file('chain.pem')
  await runOk('openssl', ['verify', '-CAfile', roots, '-untrusted', chain, device.file('pem')])
}

async function enrolls(muster: Muster, t: TestContext): Promise<void> {
  await t.test('ok/token: certificate, chain, endpoints and configuration', async () => {
    const device = await ShellDevice.create(muster, 'e2e-token')
    const secret = await token(muster)
    const answer = await device.enroll({ token: secret, hardware_rev: 'A', firmware_ver: '2.4.0' })
    assert.equal(answer.status, 200, answer.body.toString())
    const leaf = new X509Certificate(String(answer.json['certificate']))
    assert.match(leaf.subject, /^CN=e2e-token$/m)
    await verifies(device)
    const endpoints = answer.json['endpoints'] as { port: number }[]
    assert.equal(endpoints[0]?.port, muster.mqttsPort)
    assert.ok('config' in answer.json && 'config_version' in answer.json)
  })
  await t.test('ok/shared key', async () => {
    const device = await ShellDevice.create(muster, 'e2e-shared')
    const { id, key } = await sharedKey(muster)
    const shown = shownSharedKey(id, key, device.id, device.csr)
    const answer = await device.enroll({ ...shown, hardware_rev: 'A' })
    assert.equal(answer.status, 200, answer.body.toString())
  })
  await t.test('ok/claim certificate', async () => {
    const device = await ShellDevice.create(muster, 'e2e-claim')
    const { cert, key } = await claim(muster)
    const answer = await device.enroll({ hardware_rev: 'A' }, '--cert', cert, '--key', key)
    assert.equal(answer.status, 200, answer.body.toString())
  })
}

async function isIdempotent(muster: Muster, t: TestContext): Promise<void> {
  await t.test(
    'ok/the same key again, fifty times at once and after kill -9: the same certificate',
    async () => {
      const device = await ShellDevice.create(muster, 'e2e-again')
      const secret = await token(muster)
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => device.enroll({ token: secret, hardware_rev: 'A' })),
      )
      const certificates = new Set(answers.map(({ json }) => json['certificate']))
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
      assert.equal(certificates.size, 1)
      await muster.restart('SIGKILL')
      const after = await device.enroll({ token: secret, hardware_rev: 'A' })
      assert.deepEqual([after.status, certificates.has(after.json['certificate'])], [200, true])
    },
  )
}

async function refuses(muster: Muster, t: TestContext): Promise<void> {
  await t.test('fail/every refusal looks the same', async () => {
    const stranger = await ShellDevice.create(muster, 'e2e-stranger')
    const secret = await token(muster)
    const refused = [await stranger.enroll({ token: secret, hardware_rev: 'A' })]
    const device = await ShellDevice.create(muster, 'e2e-refused')
    await device.enroll({ token: secret, hardware_rev: 'A' })
    await device.newKey()
    refused.push(await device.enroll({ token: secret, hardware_rev: 'A' })) // spent, with a foreign key
    refused.push(await device.enroll({ token: `${secret.slice(0, -1)}x`, hardware_rev: 'A' }))
    await device.newRequest('/CN=e2e-token')
    const fresh = await token(muster)
    refused.push(await device.enroll({ token: fresh, hardware_rev: 'A' })) // another's request
    for (const answer of refused) assert.deepEqual(refusal(answer), REJECTED)
  })
}

const base64 = (pem: string) => pem.replaceAll(/-----[^-]+-----|\s/g, '')

async function speaksEst(muster: Muster, t: TestContext): Promise<void> {
  const device = await ShellDevice.create(muster, 'e2e-est')
  const request = device.file('p10')
  writeFileSync(request, base64(device.csr))
  const type = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${request}`]
  await t.test('ok/EST: cacerts hold the chain to the root', async () => {
    const answer = await device.curl('/.well-known/est/cacerts')
    assert.equal(answer.status, 200)
    assert.match(answer.head, /^Content-Type: application\/pkcs7-mime\r$/m)
    assert.match(answer.head, /^Content-Transfer-Encoding: base64\r$/m)
    assert.match(answer.head, /^Content-Length: \d+\r$/m)
    const der = Buffer.from(answer.body.toString('latin1'), 'base64')
    writeFileSync(device.file('p7'), der)
    const text = await runOk('openssl', [
      'pkcs7',
      '-inform',
      'DER',
      '-in',
      device.file('p7'),
      '-print_certs',
    ])
    assert.ok((text.match(/BEGIN CERTIFICATE/g) ?? []).length >= 2)
  })
  await t.test('fail/EST: without a credential 401 with an empty body', async () => {
    const answer = await device.curl('/.well-known/est/simpleenroll', ...type)
    assert.deepEqual([answer.status, answer.body.length], [401, 0])
    assert.match(answer.head, /^WWW-Authenticate: Basic realm=/m)
  })
  await t.test('ok/EST: simpleenroll with the token by Basic', async () => {
    const secret = await token(muster)
    const answer = await device.curl(
      '/.well-known/est/simpleenroll',
      ...type,
      '-u',
      `e2e-est:${secret}`,
    )
    assert.equal(answer.status, 200, answer.head)
    assert.match(answer.head, /^Content-Type: application\/pkcs7-mime; smime-type=certs-only\r$/m)
    writeFileSync(device.file('p7'), Buffer.from(answer.body.toString('latin1'), 'base64'))
    const pem = await runOk('openssl', [
      'pkcs7',
      '-inform',
      'DER',
      '-in',
      device.file('p7'),
      '-print_certs',
    ])
    assert.equal((pem.match(/BEGIN CERTIFICATE/g) ?? []).length, 1)
    device.keep(pem.slice(pem.indexOf('-----BEGIN')), '')
  })
  await t.test('fail/EST: its own certificate on simpleenroll is 403', async () => {
    const answer = await device.curl(
      '/.well-known/est/simpleenroll',
      ...type,
      ...device.withCertificate,
    )
    assert.equal(answer.status, 403)
  })
}

/** §2.2: the device enrols with each credential, over JSON and EST; each refusal is the same. */
export async function enrollment(muster: Muster, t: TestContext): Promise<void> {
  const names = ['token', 'shared', 'claim', 'again', 'refused', 'est'].map((name) => `e2e-${name}`)
  await allow(
    muster,
    names.map((name) => allowed(name)),
  )
  await enrolls(muster, t)
  await isIdempotent(muster, t)
  await refuses(muster, t)
  await speaksEst(muster, t)
}
