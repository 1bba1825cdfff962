// A device's life through the production edge: HAProxy and its agent before real functions, real clients.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { enrollment } from '../e2e/life/enrollment.ts'
import { firmware } from '../e2e/life/firmware.ts'
import { allow, allowed, token } from '../e2e/life/operator.ts'
import { ShellDevice } from '../e2e/life/shell-device.ts'
import { bare } from '../support/csr.ts'
import { startEdgeBefore, type EdgeBefore } from '../support/edge-before.ts'
import { run, runOk } from '../support/exec.ts'
import { hasHaproxy } from '../support/haproxy.ts'
import { Muster } from '../support/muster.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

suite('a device through HAProxy', needs('haproxy', hasHaproxy), () => {
  let database: TestDatabase
  let muster: Muster
  let edge: EdgeBefore
  before(async () => {
    database = await cloneDatabase()
    const [port = 0] = await freePorts(1)
    const env = { DATABASE_URL: database.url, API_URL: `https://localhost:${port}` }
    muster = await Muster.create(env)
    await muster.start()
    edge = await startEdgeBefore(muster, database.url, port)
  })
  after(async () => {
    await edge[Symbol.asyncDispose]()
    await muster[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  test('enrolment as JSON and EST', (t) => enrollment(muster, t))
  test('firmware: uploaded in parts, downloaded with Range', (t) => firmware(muster, t))

  test('renewal as JSON and EST; then a revocation reaches HAProxy', async () => {
    await allow(muster, [allowed('edge-revoked')])
    const device = await ShellDevice.create(muster, 'edge-revoked')
    const { json } = await device.enroll({ token: await token(muster), hardware_rev: 'A' })
    const certificate = String(json['certificate'])
    const identity = { cert: certificate, key: readFileSync(device.file('key'), 'utf8') }
    const renewed = await muster.api('POST', '/api/v1/enroll/renew', {
      body: { csr: device.csr },
      certificate: identity,
      token: null,
    })
    assert.equal(renewed.status, 200, renewed.text)
    const request = device.file('p10')
    writeFileSync(request, bare(device.csr))
    const est = await device.curl(
      '/.well-known/est/simplereenroll',
      ...['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${request}`],
      ...device.withCertificate,
    )
    assert.equal(est.status, 200, est.head)
    const target = '/api/v1/devices/edge-revoked/shadow'
    const asked = () => muster.api('GET', target, { certificate: identity, token: null })
    assert.notEqual((await asked()).status, 403)
    const { serialNumber } = new X509Certificate(certificate)
    const serial = serialNumber.toLowerCase()
    const revoked = await muster.api('POST', `/api/v1/certificates/${serial}/revoke`, {
      body: { reason: 'key_compromise' },
    })
    assert.ok(revoked.status < 300, revoked.text)
    await until('the handshake is refused', () =>
      asked().then(
        () => false,
        () => true,
      ),
    )
  })

  test('limits of the settings reach HAProxy; so does a new server certificate', async () => {
    await muster.json('settings', 'set', 'edge.connections', '77')
    await until('the map says so', async () => {
      const map = await edge.haproxy.admin(`show map ${edge.haproxy.folder}/limits.map`)
      return /open 77\b/.test(map)
    })
    const before1 = await shown(edge.haproxy.port)
    const prefix = path.join(muster.data, 'edge')
    const data = path.join(muster.data, 'muster')
    const again = ['ca', 'issue', 'server', 'localhost', '--out', prefix, '--data', data]
    await runOk(path.resolve('muster'), again)
    await until('the new one is shown', async () => (await shown(edge.haproxy.port)) !== before1)
  })

  test('health and doctor name the edge; a certificate that is none is told, the old one stays', async () => {
    await until('the edge is healthy', async () => (await health()) === 'ok')
    writeFileSync(path.join(muster.data, 'edge.pem'), 'rubbish')
    await until('the edge says what is wrong', async () => (await health()) === 'failed')
    const doctor = await muster.muster('doctor')
    assert.match(doctor.stdout, /edge: .*are no certificate and its key/)
    assert.match(doctor.stdout, /^certificate +ok +until /m)
  })

  async function health(): Promise<string | undefined> {
    const { json } = await muster.api('GET', '/api/v1/health')
    const { parts } = json as { parts: { name: string; status: string }[] }
    return parts.find(({ name }) => name === 'edge')?.status
  }
})

/** The server's certificate as a client sees it. */
async function shown(port: number): Promise<string> {
  const { stdout } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`], {})
  return /-----BEGIN[^]*?-----END/.exec(stdout)?.[0] ?? ''
}
