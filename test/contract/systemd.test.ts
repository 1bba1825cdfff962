// The units of systemd: as systemd's own checks take them, and no more open than they say. No systemd runs here, so none is started.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { run, type Ran } from '../support/exec.ts'
import { needs } from '../support/needs.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const FOLDER = path.join(ROOT, 'infra/systemd')
const ANALYZE = '/usr/bin/systemd-analyze'
const UNITS = readdirSync(FOLDER).filter((name) => name.endsWith('.service'))
// systemd's own scale: 10 is a service without any guard, below 2 it says OK and better.
const EXPOSED_AT_MOST = 20

/** Runs a check over a unit whose checkout is this one. */
async function check(name: string, content: string, ...args: readonly string[]): Promise<Ran> {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-unit-'))
  try {
    const file = path.join(folder, name)
    writeFileSync(file, content.replaceAll('/opt/muster', ROOT))
    return await run(ANALYZE, [...args, file], { env: { SYSTEMD_PAGER: '' } })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const verify = ['verify', '--man=no', '--recursive-errors=no']
const there = needs('systemd', existsSync(ANALYZE))

for (const name of UNITS) {
  const content = readFileSync(path.join(FOLDER, name), 'utf8')

  test(`ok/${name}: systemd-analyze verify has nothing to say`, there, async () => {
    const { code, stderr } = await check(name, content, ...verify)
    assert.equal(stderr, '')
    assert.equal(code, 0)
  })

  test(`fail/${name}: a misspelt setting is told`, there, async () => {
    const { stderr } = await check(name, content.replace('ProtectHome', 'ProtectHom'), ...verify)
    assert.match(stderr, /ProtectHom/)
  })

  test(`ok/${name}: hardly exposed`, there, async () => {
    const args = ['security', '--offline=true', `--threshold=${EXPOSED_AT_MOST}`]
    const { code, stdout } = await check(name, content, ...args)
    assert.equal(code, 0, stdout)
  })
}

test('ok/what a unit starts is in the repository', () => {
  for (const name of UNITS) {
    const content = readFileSync(path.join(FOLDER, name), 'utf8')
    const started = [...content.matchAll(/^ExecStart(?:Pre)?=\S+ (\S+)/gm)].map(([, file]) => file)
    assert.notEqual(started.length, 0, name)
    for (const file of started) assert.ok(existsSync(path.join(ROOT, file ?? '')), file)
  }
})
