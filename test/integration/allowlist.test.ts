import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CSV_HEADER } from '../../shared/allowlist/csv.ts'
import { startRegister, type Register } from '../support/register.ts'

const LIST = '/api/v1/allowlist'
const IMPORTS = `${LIST}/imports`

async function stage({ ask }: Register, id: string, from: number, lines: readonly string[]) {
  const body = `${lines.join('\n')}\n`
  return ask('POST', `${IMPORTS}/${id}/rows?from=${from}`, { body, type: 'text/csv' })
}

const begin = async ({ ask }: Register, dryRun = false): Promise<string> =>
  (await ask('POST', IMPORTS, { body: { dry_run: dryRun } })).json.id

test('fail+ok/single entries', async () => {
  await using register = await startRegister()
  const { ask } = register
  const added = await ask('POST', LIST, { body: { match: 'serial', value: 'a b/c', max_uses: 2 } })
  assert.equal(added.status, 201)
  assert.equal(added.json.id, 'serial:a b/c')
  const path = `${LIST}/${encodeURIComponent('serial:a b')}`
  assert.equal((await ask('GET', path)).status, 404)
  const stray = await ask('POST', LIST, { body: { value: 'gw-1', credentials: ['none'] } })
  assert.deepEqual([stray.status, stray.json.credentials], [404, ['none']])
  await ask('POST', LIST, { body: { value: 'gw-1' } })
  assert.equal((await ask('GET', `${LIST}/gw-1`)).json.match, 'device_id')
  const blocked = await ask('PATCH', `${LIST}/device_id:gw-1`, { body: { state: 'blocked' } })
  assert.equal(blocked.json.state, 'blocked')
  assert.equal((await ask('GET', `${LIST}?state=blocked`)).json.items.length, 1)
  assert.equal((await ask('GET', `${LIST}?limit=1`)).json.items.length, 1)
  const spent = `update allowlist set uses = 1, state = 'used' where value = 'gw-1'`
  await register.cloned.db.unnamed('x', spent, [])
  const more = await ask('PATCH', `${LIST}/gw-1`, { body: { max_uses: 2 } })
  assert.deepEqual([more.json.state, more.json.uses], ['open', 1])
  await register.cloned.db.unnamed('x', spent, [])
  const reopened = await ask('PATCH', `${LIST}/gw-1`, { body: { state: 'open' } })
  assert.deepEqual([reopened.json.state, reopened.json.uses], ['open', 0])
  assert.equal((await ask('DELETE', `${LIST}/gw-1`)).status, 204)
  assert.equal((await ask('DELETE', `${LIST}/gw-1`)).status, 404)
})

test('fail/bad lines are named with their reasons and nothing is imported', async () => {
  await using register = await startRegister()
  const { ask, cloned, tick } = register
  const id = await begin(register)
  const staged = await stage(register, id, 1, [
    CSV_HEADER,
    'device_id,gw-1,,,,,',
    'device_id,gw/2,,,,,',
    'device_id,gw-1,,,,,',
    'serial,7,,,none,,',
  ])
  assert.deepEqual(staged.json, {
    rows: 5,
    faults: [{ line: 3, reason: 'value: not a device id' }],
  })
  assert.equal((await ask('POST', `${IMPORTS}/${id}/commit`)).status, 202)
  await tick()
  const operation = await ask('GET', `/api/v1/operations/${id}`)
  assert.deepEqual([operation.json.state, operation.json.failed], ['failed', 3])
  const results = await ask('GET', `/api/v1/operations/${id}/results`)
  assert.deepEqual(
    results.json.items.map((item: { detail: string }) => item.detail),
    [
      'line 3: value: not a device id',
      'line 4: the same match and value as line 2',
      'line 5: no credential none',
    ],
  )
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from allowlist', []), [])
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from import_rows', []), [])
  assert.equal(
    (await stage(register, id, 1, [CSV_HEADER])).json.code,
    'operation.illegal_transition',
  )
})

test('fail/lines that are missing, lines that got lost, a dry run', async () => {
  await using register = await startRegister()
  const { ask, cloned, tick } = register
  const gap = await begin(register)
  await stage(register, gap, 1, [CSV_HEADER, 'device_id,gw-1,,,,,'])
  await stage(register, gap, 5, ['device_id,gw-2,,,,,'])
  assert.equal((await ask('POST', `${IMPORTS}/${gap}/commit`)).json.code, 'request.invalid')
  await tick()
  assert.equal((await ask('GET', `/api/v1/operations/${gap}`)).json.state, 'queued')
  assert.equal((await ask('POST', `/api/v1/operations/${gap}/cancel`)).json.state, 'cancelled')

  const lost = await begin(register)
  await stage(register, lost, 1, [CSV_HEADER, 'device_id,gw-1,,,,,'])
  await ask('POST', `${IMPORTS}/${lost}/commit`)
  await cloned.db.unnamed('x', 'truncate import_rows', [])
  await tick()
  assert.equal((await ask('GET', `/api/v1/operations/${lost}`)).json.state, 'failed')

  const dry = await begin(register, true)
  await stage(register, dry, 1, [CSV_HEADER, 'device_id,gw-1,,,,,'])
  await ask('POST', `${IMPORTS}/${dry}/commit`)
  await tick()
  const operation = await ask('GET', `/api/v1/operations/${dry}`)
  assert.deepEqual([operation.json.state, operation.json.done], ['succeeded', 1])
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from allowlist', []), [])
})

test('ok/what was staged and never committed goes with its import, or after a day', async () => {
  await using register = await startRegister()
  const { ask, cloned, tick } = register
  const staged = () =>
    cloned.db.unnamed<{ id: number }>('x', 'select operation_id as id from import_rows', [])
  const [cancelled, forgotten, fresh] = [
    await begin(register),
    await begin(register),
    await begin(register),
  ]
  for (const id of [cancelled, forgotten, fresh]) await stage(register, id, 1, [CSV_HEADER])
  await ask('POST', `/api/v1/operations/${cancelled}/cancel`)
  const old = `update operations set created_at = now() - interval '25 hours' where operation_id = $1::int`
  await cloned.db.unnamed('x', old, [forgotten])
  await tick()
  assert.deepEqual(await staged(), [{ id: Number(fresh) }])
  assert.equal((await ask('GET', `/api/v1/operations/${forgotten}`)).json.state, 'cancelled')
})

test('ok/100,000 rows in chunks, one of them sent twice; again, uses and states stay', async () => {
  await using register = await startRegister()
  const { ask, cloned, tick } = register
  const rows = Array.from({ length: 100_000 }, (_, i) => `serial,SN-${i},gw-${i},B,,,`)
  const load = async () => {
    const id = await begin(register)
    const lines = [CSV_HEADER, ...rows]
    for (let from = 0; from < lines.length; from += 10_000) {
      const chunk = lines.slice(from, from + 10_000)
      assert.equal((await stage(register, id, from + 1, chunk)).json.rows, chunk.length)
      if (from === 20_000) await stage(register, id, from + 1, chunk)
    }
    await ask('POST', `${IMPORTS}/${id}/commit`)
    await tick()
    return (await ask('GET', `/api/v1/operations/${id}`)).json
  }
  const first = await load()
  assert.deepEqual([first.state, first.total, first.done], ['succeeded', 100_000, 100_000])
  await cloned.db.unnamed(
    'x',
    `update allowlist set uses = 1, state = 'used' where value = 'SN-5'`,
    [],
  )
  rows[5] = 'serial,SN-5,gw-5,C,,,'
  assert.equal((await load()).state, 'succeeded')
  const counts = await cloned.db.unnamed('x', 'select count(*)::int n from allowlist', [])
  assert.deepEqual(counts, [{ n: 100_000 }])
  const [entry] = await cloned.db.unnamed(
    'x',
    `select uses, state, hardware_rev from allowlist where value = 'SN-5'`,
    [],
  )
  assert.deepEqual(entry, { uses: 1, state: 'used', hardware_rev: 'C' })
})
