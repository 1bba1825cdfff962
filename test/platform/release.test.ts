// A release as an operator makes and checks it, against Debian's docker-registry on the loopback.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { blobOf } from '../../infra/image/layer.ts'
import { pushManifest, readBlob, readManifest } from '../../infra/release/registry.ts'
import { besideTag } from '../../infra/release/sign.ts'
import { exitOf, run } from '../support/exec.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { until } from '../support/until.ts'

const BINARY = '/usr/bin/docker-registry'
const SCRIPT = path.resolve(import.meta.dirname, '../../infra/release/release.ts')
const there = needs('docker-registry', existsSync(BINARY))
const stack = new AsyncDisposableStack()
const folder = mkdtempSync(path.join(tmpdir(), 'muster-release-'))
stack.defer(() => rmSync(folder, { recursive: true }))
const registry = { url: '' }

function keyFiles(name: string): { readonly own: string; readonly open: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [own, open] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pub`)]
  writeFileSync(own, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(open, publicKey.export({ type: 'spki', format: 'pem' }))
  return { own, open }
}
const ours = keyFiles('ours')
const other = keyFiles('other')

const script = (verb: string, key: string) =>
  run(process.execPath, [SCRIPT, verb, '--registry', registry.url, '--key', key, 'pki'])

before(async () => {
  if (!existsSync(BINARY)) return
  const [port = 0] = await freePorts(1)
  registry.url = `http://127.0.0.1:${port}`
  const file = path.join(folder, 'registry.yml')
  writeFileSync(
    file,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}/store}}\nhttp: {addr: '127.0.0.1:${port}'}\n`,
  )
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', BINARY, 'serve', file], {
    stdio: 'ignore',
  })
  stack.defer(async () => {
    const gone = exitOf(child)
    child.kill('SIGTERM')
    await gone
  })
  await until(
    'the registry answers',
    async () => (await fetch(`${registry.url}/v2/`).catch(() => undefined))?.ok,
  )
})
after(() => stack.disposeAsync())

test(
  'ok/pushed with its SBOM, signed, and the signature verified by the public key alone',
  there,
  async () => {
    const pushed = await script('push', ours.own)
    assert.equal(pushed.code, 0, pushed.stderr)
    const digest = /sha256:[0-9a-f]{64}/.exec(pushed.stdout)?.[0] ?? ''
    const verified = await script('verify', ours.open)
    assert.equal(verified.code, 0, verified.stderr)
    assert.ok(verified.stdout.includes(digest))
    const beside = await readManifest(registry, 'muster/pki', besideTag(digest, 'sbom'))
    const manifest: { layers: { digest: string }[] } = JSON.parse(beside.toString('utf8'))
    const sbom = await readBlob(registry, 'muster/pki', manifest.layers[0]?.digest ?? '')
    assert.equal(JSON.parse(sbom.toString('utf8')).bomFormat, 'CycloneDX')
  },
)

test('fail/another key', there, async () => {
  const { code, stderr } = await script('verify', other.open)
  assert.equal(code, 1)
  assert.match(stderr, /^release: muster\/pki:0\.1\.0: no signature of this key/)
})

test(
  'fail/the version now names another image, beside which the old signature was put',
  there,
  async () => {
    const old = await readManifest(registry, 'muster/pki', '0.1.0')
    const changed = blobOf(Buffer.concat([old, Buffer.from('\n')]))
    await pushManifest(registry, 'muster/pki', '0.1.0', changed)
    const unsigned = await script('verify', ours.open)
    assert.equal(unsigned.code, 1)
    assert.match(unsigned.stderr, /is not signed/)
    const tag = besideTag(blobOf(old).digest, 'sig')
    const signature = blobOf(await readManifest(registry, 'muster/pki', tag))
    await pushManifest(registry, 'muster/pki', besideTag(changed.digest, 'sig'), signature)
    const moved = await script('verify', ours.open)
    assert.equal(moved.code, 1)
    assert.match(moved.stderr, /no signature of this key is of/)
  },
)
