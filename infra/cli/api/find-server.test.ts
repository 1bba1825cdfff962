import assert from 'node:assert/strict'
import { X509Certificate, createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { writeContexts } from './contexts.ts'
import { findServer, NoServerError } from './find-server.ts'
import { NotPrivateError } from './private-file.ts'

const made: string[] = []
after(async () => {
  for (const each of made) await rm(each, { recursive: true, force: true })
})

const [pem = ''] = rootCertificates
const hash = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')

async function folder(): Promise<string> {
  const at = await mkdtemp(path.join(tmpdir(), 'muster-cli-'))
  made.push(at)
  return at
}

async function withData(change: Record<string, string> = {}): Promise<string> {
  const at = await folder()
  const data = path.join(at, '.muster')
  await mkdir(data, { mode: 0o700 })
  const content = {
    url: 'https://localhost:8443',
    ca_sha256: hash,
    ca_file: 'ca.pem',
    token_file: 'operator.token',
  }
  await writeFile(path.join(data, 'ca.pem'), pem)
  await writeFile(path.join(data, 'operator.token'), 'mu_op_x\n', { mode: 0o600 })
  await writeFile(path.join(data, 'cli.json'), JSON.stringify({ ...content, ...change }), {
    mode: 0o600,
  })
  return at
}

test('fail/nothing-names-a-server', async () => {
  const at = await folder()
  // Above a folder of tests somebody may have a data directory of the own.
  const env = { HOME: at, MUSTER_DATA: path.join(at, 'none') }
  await assert.rejects(findServer({ env, folder: at }), NoServerError)
})

for (const [name, ask] of [
  ['token-without-server', { tokenFile: '/nowhere' }],
  ['ca-without-server', { ca: '/nowhere' }],
  ['no-url', { server: 'localhost:8443' }],
  ['password-in-url', { server: 'https://a:b@localhost' }],
  ['no-file', { server: 'https://localhost', tokenFile: '/nowhere/token' }],
  ['unknown-context', { context: 'nope' }],
] as const) {
  test(`fail/${name}`, async () => {
    const at = await folder()
    await assert.rejects(findServer({ ...ask, env: { HOME: at }, folder: at }), NoServerError)
  })
}

test('fail/token-in-environment-without-server', async () => {
  const at = await withData()
  await assert.rejects(
    findServer({ env: { HOME: at, MUSTER_TOKEN: 'x' }, folder: at }),
    NoServerError,
  )
})

test('fail/file-open-to-others', async () => {
  const at = await withData()
  await chmod(path.join(at, '.muster', 'cli.json'), 0o644)
  await assert.rejects(findServer({ env: { HOME: at }, folder: at }), NotPrivateError)
})

test('fail/token-open-to-others', async () => {
  const at = await withData()
  await chmod(path.join(at, '.muster', 'operator.token'), 0o640)
  await assert.rejects(findServer({ env: { HOME: at }, folder: at }), NotPrivateError)
})

test('fail/file-is-a-link', async () => {
  const at = await withData()
  const other = await folder()
  await mkdir(path.join(other, '.muster'))
  await symlink(path.join(at, '.muster', 'cli.json'), path.join(other, '.muster', 'cli.json'))
  await assert.rejects(findServer({ env: { HOME: other }, folder: other }), NotPrivateError)
})

test('fail/another-ca-than-written-down', async () => {
  const at = await withData({ ca_sha256: '00' })
  await assert.rejects(findServer({ env: { HOME: at }, folder: at }), /not the CA/)
})

test('ok/nearest-data-directory-upwards', async () => {
  const at = await withData()
  const below = path.join(at, 'a', 'b')
  await mkdir(below, { recursive: true })
  const found = await findServer({ env: { HOME: at }, folder: below })
  assert.equal(found.url.origin, 'https://localhost:8443')
  assert.equal(found.token, 'mu_op_x')
  assert.equal(found.ca, pem.trim())
  assert.equal(found.from, path.join(at, '.muster', 'cli.json'))
})

test('ok/data-directory-by-variable', async () => {
  const at = await withData()
  const env = { HOME: at, MUSTER_DATA: path.join(at, '.muster') }
  const found = await findServer({ env, folder: '/' })
  assert.equal(found.token, 'mu_op_x')
})

test('ok/never-mixed', async () => {
  const at = await withData()
  const env = { HOME: at, MUSTER_SERVER: 'https://other', MUSTER_TOKEN: '' }
  const byEnvironment = await findServer({ env, folder: at })
  assert.deepEqual(
    [byEnvironment.url.origin, byEnvironment.token, byEnvironment.ca],
    ['https://other', undefined, undefined],
  )
  const byOption = await findServer({ env, folder: at, server: 'https://third' })
  assert.deepEqual([byOption.url.origin, byOption.token], ['https://third', undefined])
})

test('ok/contexts-before-the-data-directory', async () => {
  const at = await withData()
  const env = { HOME: at }
  const contexts = { a: { server: 'https://a', token: 't1' }, b: { server: 'https://b' } }
  await writeContexts(env, { current: 'a', contexts })
  const current = await findServer({ env, folder: at })
  assert.deepEqual(
    [current.url.origin, current.token, current.from],
    ['https://a', 't1', 'context a'],
  )
  const named = await findServer({ env, folder: at, context: 'b' })
  assert.deepEqual([named.url.origin, named.token, named.from], ['https://b', undefined, undefined])
})
