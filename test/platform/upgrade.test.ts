// docs/upgrade.md: the functions of 0.1.0 beside those of now, over the schema of now.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { readGrants } from '../../infra/migrations/grants.ts'
import { runOk } from '../support/exec.ts'
import { startShadowProcess } from '../support/function-process.ts'
import { needs } from '../support/needs.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase } from '../support/postgres.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const MIGRATION = /^infra\/migrations\/\d{6}-[a-z0-9-]+\.sql$/

const git = (...args: readonly string[]) =>
  spawnSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })

/** The commit that the change log names for 0.1.0; before there is a release, the one that is checked out. */
function releaseCommit(): string {
  const log = readFileSync(path.join(ROOT, 'CHANGELOG.md'), 'utf8')
  return /^## 0\.1\.0\b[\s\S]*?\b[Cc]ommit `?([0-9a-f]{7,40})\b/m.exec(log)?.[1] ?? 'HEAD'
}

const commit = releaseCommit()
const present = git('cat-file', '-e', `${commit}^{commit}`).status === 0
const released = { ...needs('the commit of 0.1.0', present), timeout: 120_000 }
const folder = mkdtempSync(path.join(tmpdir(), 'upgrade-'))
after(() => rmSync(folder, { recursive: true }))

/** A file of the release. */
function fileOf(name: string): string {
  const { status, stdout } = git('show', `${commit}:${name}`)
  assert.equal(status, 0, name)
  return stdout
}

let unpacked: Promise<string> | undefined
/** The release's sources, with the packages of now. */
function release(): Promise<string> {
  unpacked ??= (async () => {
    await runOk('bash', ['-c', `git archive ${commit} | tar x -C ${folder}`], { cwd: ROOT })
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
    return folder
  })()
  return unpacked
}

const inRelease = async (code: string) =>
  runOk(process.execPath, ['--input-type=module', '-e', code], { cwd: await release() })

test(
  'ok/migrations since the release leave its functions working, and none of its own was changed',
  released,
  () => {
    const before = new Set(
      git('ls-tree', '--name-only', commit, 'infra/migrations/').stdout.split('\n'),
    )
    const now = git(
      'ls-files',
      '--cached',
      '--others',
      '--exclude-standard',
      'infra/migrations',
    ).stdout.split('\n')
    for (const name of now.filter((each) => MIGRATION.test(each))) {
      const text = readFileSync(path.join(ROOT, name), 'utf8')
      if (before.has(name)) assert.equal(text, fileOf(name), name)
      else assert.match(text, /^--! breaking: no\b/m, name)
    }
  },
)

type Table = Record<string, Record<string, readonly string[]>>
/** A privilege on a table, or on each of the columns it names. */
function cells(privilege: string): readonly string[] {
  const [, verb = '', columns] = /^(\w+)(?:\((.*)\))?$/.exec(privilege) ?? []
  return columns === undefined ? [verb] : columns.split(', ').map((one) => `${verb} ${one}`)
}

function uncovered(wanted: readonly string[], given: readonly string[] = []): readonly string[] {
  const now = new Set(given.flatMap(cells))
  return wanted.flatMap(cells).filter((cell) => !now.has(cell) && !now.has(cell.replace(/ .*/, '')))
}

test('ok/what functions of the release may do, they may still', released, async () => {
  const old: { tables: Table; sequences: Table; functions: Record<string, readonly string[]> } =
    parse(fileOf('infra/migrations/grants.yml'))
  const now = await readGrants()
  const missing: string[] = []
  for (const kind of ['tables', 'sequences'] as const) {
    for (const [thing, by] of Object.entries(old[kind])) {
      for (const [role, privileges] of Object.entries(by)) {
        for (const each of uncovered(privileges, now[kind][thing]?.[role]))
          missing.push(`${role} ${each} ${thing}`)
      }
    }
  }
  for (const [thing, roles] of Object.entries(old.functions))
    for (const role of roles)
      if (now.functions[thing]?.includes(role) !== true) missing.push(`${role} ${thing}`)
  assert.deepEqual(missing, [])
})

test('ok/every statement of the release prepares on the schema of now', released, async () => {
  const text = await inRelease(`
    import { globSync } from 'node:fs'
    for (const file of globSync('{shared,functions,infra}/**/*queries.ts')) await import('./' + file)
    const { statements } = await import('./shared/db/statement.ts')
    process.stdout.write(JSON.stringify(statements()))`)
  const all: readonly { name: string; text: string }[] = JSON.parse(text)
  assert.ok(all.length > 200)
  await using cloned = await cloneDatabase()
  const faults: string[] = []
  for (const { name, text: sql } of all) {
    const prepared = cloned.db.unnamed('prepare', `prepare ${name} as ${sql}`, [])
    await prepared.catch((error: unknown) => faults.push(`${name}: ${String(error)}`))
  }
  assert.deepEqual(faults, [])
})

test(
  'ok/old and new functions write the same shadow by turns, and no version is lost',
  released,
  async () => {
    await inRelease(`
    import { bundleFunction } from './infra/build/bundle.ts'
    await bundleFunction('shadow-update')`)
    await bundleFunction('shadow-update')
    await using cloned = await cloneDatabase()
    await cloned.db.unnamed(
      'device',
      `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     values ('d1', 'A', '1', '', 'infinity', 'local')`,
      [],
    )
    const token = await insertToken(cloned.db, 'ops', ['operate'])
    const env = { DATABASE_URL: cloned.url }
    await using old = await startShadowProcess(folder, env)
    await using fresh = await startShadowProcess(ROOT, env)
    const both = [old, fresh]
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => (both[n % 2] ?? old).desire(token, 'd1', n)),
    )
    // Forty at once for one shadow: whoever lost the race three times is told to ask again, by the old ones and the new ones alike.
    const done = answers.filter(({ status }) => status === 200).length
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200 && status !== 409 && status !== 503),
      [],
    )
    for (let n = 100; n < 110; n++) {
      const { status, text } = await (both[n % 2] ?? old).desire(token, 'd1', n)
      assert.equal(status, 200, text)
    }
    const rows = await cloned.db.unnamed<{ version: bigint }>(
      'history',
      `select version from shadow_history where device_id = 'd1' order by version`,
      [],
    )
    assert.deepEqual(
      rows.map(({ version }) => Number(version)),
      Array.from({ length: done + 10 }, (_, at) => at + 1),
    )
  },
)
