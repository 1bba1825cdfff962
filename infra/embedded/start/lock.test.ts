import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { StartFault } from './fault.ts'
import { takeLock } from './lock.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'lock-'))
after(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'lock')

test('fail/a living process has it', async () => {
  const lock = await takeLock(folder)
  await assert.rejects(takeLock(folder), (error) => {
    assert.ok(error instanceof StartFault)
    assert.equal(error.exitCode, 14)
    return error.message.endsWith(`is in use by process ${process.pid}`)
  })
  await lock.release()
})

test('ok/given back, it is not recovered', async () => {
  const lock = await takeLock(folder)
  assert.equal(lock.recovered, false)
  await lock.release()
  assert.deepEqual(readdirSync(folder), [])
})

test('ok/a dead process had it', async () => {
  const { pid } = spawnSync('true')
  writeFileSync(file, `${pid} 1\n`)
  const lock = await takeLock(folder)
  assert.equal(lock.recovered, true)
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^${process.pid} `))
  await lock.release()
})

test(
  'ok/another process has its number by now',
  { skip: process.platform !== 'linux' },
  async () => {
    writeFileSync(file, `${process.pid} 1\n`)
    const lock = await takeLock(folder)
    assert.equal(lock.recovered, true)
    await lock.release()
  },
)

test('ok/of five at once, after a crash, one gets it', async () => {
  writeFileSync(file, `${spawnSync('true').pid} 1\n`)
  const module = new URL('lock.ts', import.meta.url).href
  const code = `const { takeLock } = await import(${JSON.stringify(module)})
    await takeLock(${JSON.stringify(folder)}).then(() => console.log('got'), () => console.log('not'))
    setTimeout(() => undefined, 1500)`
  const shell = Array.from({ length: 5 }, () => `"$NODE" --input-type=module -e "$CODE" &`)
  const { stdout } = spawnSync('sh', ['-c', `${shell.join('\n')}\nwait`], {
    encoding: 'utf8',
    env: { ...process.env, NODE: process.execPath, CODE: code },
  })
  assert.equal(stdout.split('\n').filter((line) => line === 'got').length, 1, stdout)
  rmSync(file)
})
