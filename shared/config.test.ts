import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, loadConfig, optionFields, optionName, type ConfigSource } from './config.ts'
import { editDistance, nearest } from './nearest.ts'
import { readSecret, SecretFault } from './secret.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'config-'))
after(() => rmSync(folder, { recursive: true }))
const secretFolder = path.join(folder, 'mounted-none')

function faults(env: ConfigSource['env'], more: Partial<ConfigSource> = {}): string[] {
  try {
    loadConfig({ env, secretFolder, ...more })
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message.split('\n')
  }
  return []
}

test('fail/two-faults-are-told-together-and-a-secret-is-not-shown', () => {
  assert.deepEqual(faults({ EDGE_PORT: '84433', DATABASE_URL: 'postgres:///muster' }), [
    '2 faults in the configuration, nothing was started',
    '  EDGE_PORT=84433  not a port (1 to 65535); e.g. EDGE_PORT=8443',
    '  DATABASE_URL     no host (value not shown); e.g. postgres://muster@db:5432/muster',
  ])
})

const WRONG: readonly [env: Record<string, string>, line: RegExp][] = [
  [{ EDGE_PROT: '8443' }, /EDGE_PROT  unknown; did you mean EDGE_PORT\?/],
  [{ MUSTER_DATE: '/x' }, /MUSTER_DATE  unknown; did you mean MUSTER_DATA\?/],
  [{ MUSTER_COLOUR: 'red' }, /MUSTER_COLOUR  unknown$/],
  [{ DATABASE_URL_FIEL: 'x' }, /^$|DATABASE_URL_FIEL/],
  [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL=loud  not one of info, debug/],
  [{ LOG_LEVEL: '' }, /not one of/],
  [{ STOP_SECONDS: '0' }, /not a number \(1 to 60\)/],
  [{ STOP_SECONDS: '1e1' }, /not a number/],
  [{ ARTIFACT_MAX_BYTES: '4 GB' }, /not a number of bytes/],
  [{ PUBLIC_NAMES: 'a,,b' }, /not host names or addresses/],
  [{ PUBLIC_NAMES: 'a b' }, /not host names/],
  [{ GATEWAY_URL: 'gateway:8080' }, /not http:\/\/ or https:\/\//],
  [{ GATEWAY_URL: '/gateway' }, /not a URL/],
  [{ EDGE_CERT_FILE: '/nowhere/x.pem' }, /not a file that can be read/],
  [{ S3_ENDPOINT: 'http://s3:9000', S3_ACCESS_KEY: 'a' }, /S3_SECRET_KEY  missing; S3_ENDPOINT/],
  [{ OIDC_ISSUER: 'https://login' }, /OIDC_AUDIENCE  missing/],
  [{ DATABASE_URL_FILE: '/nowhere/url' }, /DATABASE_URL  DATABASE_URL_FILE names a missing file/],
]
for (const [env, line] of WRONG) {
  test(`fail/${Object.entries(env)[0]?.join('=')}`, () =>
    assert.match(faults(env).slice(1).join('\n'), line))
}

test('ok/functions-without-a-gateway', () => {
  const url = 'http://{function}.muster.svc:8080'
  assert.deepEqual(faults({ GATEWAY_URL: url }), [])
})

test('fail/one-port-for-two-listeners', () => {
  const lines = faults({ MQTTS_PORT: '8443' }, { embedded: true })
  assert.match(lines[1] ?? '', /MQTTS_PORT=8443  the port of EDGE_PORT/)
  assert.deepEqual(faults({ MQTTS_PORT: '8443' }), [], 'a function opens none of them')
})

test('fail/a-secret-told-differently-by-two-sources', () => {
  writeFileSync(path.join(folder, 'kek'), 'one\n')
  const place = { env: { KEK: 'two', KEK_FILE: path.join(folder, 'kek') }, folder }
  assert.throws(() => readSecret('kek', place), SecretFault)
})

test('ok/option-before-environment-before-default', () => {
  const env = { EDGE_PORT: '1000', MQTTS_PORT: '1001' }
  const config = loadConfig({ env, secretFolder, options: { EDGE_PORT: '2000' } })
  assert.deepEqual([config.edgePort, config.mqttsPort, config.gatewayPort], [2000, 1001, 8080])
  assert.equal(config.gatewayUrl, 'http://127.0.0.1:8080')
  assert.equal(config.apiUrl, 'https://localhost:2000')
})

test('ok/urls-take-the-first-public-name', () => {
  const config = loadConfig({ env: { PUBLIC_NAMES: 'fleet.example.com, 10.0.0.1' }, secretFolder })
  assert.equal(config.apiUrl, 'https://fleet.example.com:8443')
  assert.equal(config.mqttPublicUrl, 'mqtts://fleet.example.com:8883')
  assert.deepEqual(config.publicNames, ['fleet.example.com', '10.0.0.1'])
})

test('ok/bytes-with-units', () => {
  const config = loadConfig({ env: { ARTIFACT_MAX_BYTES: '2 GiB', SHADOW_MAX_BYTES: '8KiB' } })
  assert.deepEqual([config.artifactMaxBytes, config.shadowMaxBytes], [2 ** 31, 8192])
})

test('ok/a-unix-socket-is-a-host', () => {
  const url = 'postgres://muster@/muster?host=%2Frun%2Fpg'
  assert.equal(loadConfig({ env: { DATABASE_URL: url } }).databaseUrl, url)
  assert.equal(loadConfig({ env: { DATABASE_URL: url } }).databaseDirectUrl, url)
})

test('ok/several-servers-are-hosts', () => {
  const url = 'postgres://muster@a:5432,b:5433/muster?target_session_attrs=read-write'
  assert.equal(loadConfig({ env: { DATABASE_URL: url } }).databaseUrl, url)
  for (const bad of [
    'postgres://muster@a,/muster',
    'http://a,b/muster',
    'postgres://a,b/muster?target_session_attrs=any',
  ])
    assert.equal(faults({ DATABASE_URL: bad }).length, 2, bad)
})

test('ok/secrets-from-file-value-and-mounted-folder', () => {
  writeFileSync(path.join(folder, 'database-url-enroll'), 'postgres://enroll@db/muster\n')
  writeFileSync(path.join(folder, 'database-url'), 'postgres://all@db/muster\n')
  const read = (functionName: string) =>
    loadConfig({ env: {}, secretFolder: folder, functionName }).databaseUrl
  assert.equal(read('enroll'), 'postgres://enroll@db/muster')
  assert.equal(read('est'), 'postgres://all@db/muster')
  assert.deepEqual(readSecret('kek', { env: { KEK: 'x' }, folder: secretFolder }), Buffer.from('x'))
  assert.equal(readSecret('kek', { env: {}, folder: secretFolder }), undefined)
})

test('ok/the-environment-of-others-is-none-of-ours', () => {
  assert.deepEqual(
    faults({ PATH: '/bin', KEY: 'x', MUSTER_TOKEN: 't', MUSTER_TEST_CLUSTER: 'c', S3_URL: 'x' }),
    [],
  )
})

test('ok/no-secret-has-an-option', () => {
  const options = optionFields().map((name) => optionName(name))
  assert.ok(options.includes('edge-port') && options.includes('data'))
  assert.equal(
    options.find((name) => /key$|database-url|mqtt-url/.test(name)),
    undefined,
  )
})

test('ok/edit-distance', () => {
  assert.equal(editDistance('EDGE_PROT', 'EDGE_PORT'), 1)
  assert.equal(editDistance('', 'abc'), 3)
  assert.equal(nearest('EDGE_POTR', ['MQTTS_PORT', 'EDGE_PORT']), 'EDGE_PORT')
  assert.equal(nearest('HOME', ['EDGE_PORT']), undefined)
})
