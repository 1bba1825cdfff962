import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { Muster } from '../../support/muster.ts'

const ROWS = 100_000
const HEADER = 'match,value,device_id,hardware_rev,credentials,expires_at,max_uses'

async function shown(muster: Muster, value: string): Promise<number> {
  const { code } = await muster.muster('allowlist', 'show', `device_id:${value}`)
  return code
}

/** §2.1: a factory's file of 100,000 rows: whole or not at all. */
export async function imports(muster: Muster, t: TestContext): Promise<void> {
  const file = path.join(muster.data, 'factory.csv')
  const rows = Array.from({ length: ROWS }, (_, n) => `device_id,fab-${n},fab-${n},A,,,1`)
  await t.test('fail/bad lines are named, and nothing is imported', async () => {
    const bad = rows.with(41_999, 'device_id,not a device,,A,,,1').with(77_000, 'colour,x,,,,,1')
    writeFileSync(file, `${[HEADER, ...bad].join('\n')}\n`)
    const { code, stderr, stdout } = await muster.muster('allowlist', 'import', file)
    assert.notEqual(code, 0)
    assert.match(stdout + stderr, /42001/)
    assert.match(stdout + stderr, /77002/)
    assert.equal(await shown(muster, 'fab-0'), 3)
  })
  await t.test('ok/100,000 rows with progress', async () => {
    writeFileSync(file, `${[HEADER, ...rows].join('\n')}\n`)
    const { code, stderr } = await muster.muster('allowlist', 'import', file)
    assert.equal(code, 0, stderr)
    assert.ok(stderr.split('\n').length > 10, 'a line each ten per cent')
    assert.equal(await shown(muster, `fab-${ROWS - 1}`), 0)
  })
}
