// npm start with parts of the operator's, with a passphrase, and on a disk that fills up.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { newHierarchy, pemOf, serverUnder } from '../support/authority.ts'
import { run, type Ran } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'
import { until } from '../support/until.ts'
import { startVersitygw, versitygw } from '../support/s3.ts'

const MIB = 2 ** 20

function refused(muster: Muster, env: Record<string, string>): Promise<Ran> {
  const start = path.join(ROOT, 'infra', 'start.mjs')
  const all = { ...muster.env, ...env }
  return run(process.execPath, [start], { cwd: muster.data, env: all, seconds: 60 })
}

test('fail/broker-that-refuses, exit 15', async () => {
  await using muster = await Muster.create()
  const { code, stderr } = await refused(muster, { MQTT_URL: 'mqtts://user:hidden@127.0.0.1:9' })
  assert.equal(code, 15)
  assert.equal(stderr, 'muster: MQTT_URL: 127.0.0.1:9 refused the connection for 10 s\n')
})

test('fail/store-with-a-wrong-key, exit 15', versitygw, async () => {
  await using server = await startVersitygw()
  await using muster = await Muster.create()
  const keys = { S3_ACCESS_KEY: server.accessKey, S3_SECRET_KEY: 'another' }
  const { code, stderr } = await refused(muster, { S3_ENDPOINT: server.endpoint, ...keys })
  assert.equal(code, 15)
  assert.match(stderr, /^muster: S3_ENDPOINT: .+\n$/)
})

test('fail/certificate-and-key-of-two-pairs, exit 2', async () => {
  await using muster = await Muster.create()
  const [one, two] = [serverUnder(newHierarchy().server), serverUnder(newHierarchy().server)]
  const files = [path.join(muster.data, 'edge.pem'), path.join(muster.data, 'edge.key')] as const
  writeFileSync(files[0], one.cert)
  writeFileSync(files[1], two.key)
  const env = { EDGE_CERT_FILE: files[0], EDGE_KEY_FILE: files[1] }
  const { code, stderr } = await refused(muster, env)
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^muster: EDGE_CERT_FILE and EDGE_KEY_FILE are no certificate and its key .*\n$/,
  )
})

test('ok/a-certificate-of-the-operator', async () => {
  const authority = newHierarchy().server
  const { cert, key } = serverUnder(authority)
  await using muster = await Muster.create()
  const files = [path.join(muster.data, 'edge.pem'), path.join(muster.data, 'edge.key')] as const
  writeFileSync(files[0], cert + pemOf(authority))
  writeFileSync(files[1], key)
  Object.assign(muster.env, { EDGE_CERT_FILE: files[0], EDGE_KEY_FILE: files[1] })
  await muster.start()
  assert.equal(readFileSync(muster.caFile, 'utf8'), pemOf(authority))
  assert.equal((await muster.api('GET', '/api/v1/devices')).status, 200)
})

test('fail/secrets-sealed-under-another-passphrase, exit 2', async () => {
  await using muster = await Muster.create()
  const file = path.join(muster.data, 'passphrase')
  writeFileSync(file, 'correct horse\n')
  muster.env['MUSTER_PASSPHRASE_FILE'] = file
  await muster.start()
  const issued = await muster.api('POST', '/api/v1/credentials', {
    body: { kind: 'claim', name: 'lot-7', expires_at: new Date(Date.now() + 1e8).toISOString() },
  })
  assert.equal(issued.status, 201, issued.text)
  await muster.end('SIGTERM')

  const secrets = path.join(muster.data, 'muster', 'secrets')
  assert.match(readFileSync(path.join(secrets, 'kek'), 'utf8'), /^sealed-1 /)
  for (const name of ['ca-issuing-key', 'claim-ca-key', 'service-ca-key', 'server-ca-key'])
    assert.match(readFileSync(path.join(secrets, name), 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/)

  writeFileSync(file, 'battery staple\n')
  const wrong = await refused(muster, {})
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /^muster: .*secrets: kek is sealed under another passphrase; see/)
  writeFileSync(file, 'correct horse\n')
  await muster.start()
})

test('ok/objects-in-s3', versitygw, async () => {
  await using server = await startVersitygw()
  const keys = { S3_ACCESS_KEY: server.accessKey, S3_SECRET_KEY: server.secretKey }
  await using muster = await Muster.create({ S3_ENDPOINT: server.endpoint, ...keys })
  await muster.start()
  const { status } = await muster.api('GET', '/api/v1/artifacts')
  assert.equal(status, 200)
})

test('ok/a-full-disk-refuses-writes-and-answers-reads', async (t) => {
  await using muster = await Muster.create()
  const { bavail, bsize } = statfsSync(muster.data)
  const free = Math.floor((bavail * bsize) / MIB)
  if (free < 8192) return t.skip('the disk has less than 8 GiB free')
  muster.env['DISK_FREE_MIN_BYTES'] = `${free - 2048} MiB`
  await muster.start()
  const create = (name: string) => muster.api('POST', '/api/v1/groups', { body: { name } })
  assert.equal((await create('before')).status, 201)
  const ballast = path.join(muster.data, 'ballast')
  execFileSync('fallocate', ['-l', `${4096 * MIB}`, ballast])
  try {
    const full = await until('a refusal', async () => {
      const answer = await create(`during-${Date.now()}`)
      return answer.status === 503 && answer
    })
    assert.equal(Reflect.get(Object(full.json), 'code'), 'storage.full')
    assert.ok(full.headers['retry-after'])
    assert.equal((await muster.api('GET', '/api/v1/groups/before')).status, 200)
  } finally {
    rmSync(ballast)
  }
  await until('room again', async () => (await create(`after-${Date.now()}`)).status === 201)
})
