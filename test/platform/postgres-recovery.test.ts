// The commands of docs/recovery.md, run as they stand there: base backup with archive to a moment of before, and a logical dump; then what the world knows
// and the restored database does not.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { afterRestore } from '../../infra/recovery/after-restore.ts'
import { roleOf } from '../../infra/migrations/grants.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { audit } from '../../shared/audit/record.ts'
import { sealAudit } from '../../shared/audit/seal.ts'
import { verifyAudit } from '../../shared/audit/verify.ts'
import { systemClock } from '../../shared/clock.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { revokeChosen } from '../../shared/enrollment/revoke-queries.ts'
import { toPem } from '../../shared/pki/pem.ts'
import { publishCrls } from '../../shared/pki/publish-crl.ts'
import { asUser } from '../support/cluster.ts'
import { deviceKey } from '../support/csr.ts'
import { docBlocks } from '../support/doc-commands.ts'
import { runOk } from '../support/exec.ts'
import { allow, insertBootstrapToken, startIdentity } from '../support/identity.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { DEBIAN_15, hasDebian15, scratchFolder, startServer } from '../support/postgres-server.ts'
import { until } from '../support/until.ts'

const there = { ...needs('PostgreSQL 15', hasDebian15), timeout: 120_000 }
const RECOVERY = 'recovery.md'
const BACKUP = 'A PostgreSQL of your own: backup'
const RESTORE = 'A PostgreSQL of your own: restore'
const auditKey = generateKeyPairSync('ed25519').privateKey

type Env = Readonly<Record<string, string>>

/** As the user that PostgreSQL runs as, with its programs at hand. */
async function shell(code: string, env: Env): Promise<string> {
  const args = [...asUser, 'bash', '-euo', 'pipefail', '-c', code]
  const { PATH = '' } = process.env
  return runOk('/usr/bin/env', args, { env: { ...env, PATH: `${DEBIAN_15}:${PATH}` } })
}

/** Settings as the document has them, with its variables filled in. */
function settings(env: Env): readonly string[] {
  const [block = ''] = docBlocks(RECOVERY, BACKUP, 'ini')
  return block
    .replaceAll('$ARCHIVE', env['ARCHIVE'] ?? '')
    .trim()
    .split('\n')
}

/** Three enrolled devices, one of them revoked; a shadow; a sealed record. */
async function populate(db: Database, url: string) {
  const as = (name: string) => openDatabase({ url, role: roleOf(name) })
  const cloned = { url, name: 'muster', db, as, [Symbol.asyncDispose]: async () => undefined }
  const functions = await startIdentity(cloned)
  for (const deviceId of ['d1', 'd2', 'd3']) {
    await allow(db, deviceId)
    const { text: token } = await insertBootstrapToken(db)
    const csr = deviceKey().csr(`/CN=${deviceId}`)
    const body = { device_id: deviceId, csr, token, hardware_rev: 'A', firmware_ver: '1' }
    const response = await functions.call('enroll', '/api/v1/enroll', { body })
    assert.equal(response.status, 200, await response.clone().text())
  }
  const { signer } = functions.pki
  const revoke = async (deviceId: string) => {
    await db.rows(revokeChosen, [deviceId, null, new Date(), 1])
    await audit(db, { actor: 'token ops', verb: 'certificate.revoke', target: deviceId })
    await publishCrls({ db, clock: systemClock, signer })
    await sealAudit({ db, clock: systemClock }, auditKey)
  }
  return { revoke }
}

const shadow = (db: Database, id: string) =>
  db.unnamed(
    'test',
    `insert into shadows (device_id, shadow, version, desired, reported, metadata)
     values ($1, '', 7, '{"a":1}', '{}', '{}')`,
    [id],
  )

async function numbers(db: Database) {
  const [row] = await db.unnamed<{
    revoked: string[]
    shadows: string[]
    epoch: bigint
    crl: bigint
  }>(
    'test',
    `select array(select device_id from revocations order by 1) revoked,
            array(select device_id || ' ' || version from shadows order by 1) shadows,
            nextval('connector_epochs') epoch, (select max(crl_number) from issuers) crl`,
    [],
  )
  return row
}

async function crlFile(db: Database): Promise<string> {
  const rows = await db.unnamed<{ der: Buffer }>('test', 'select der from crls', [])
  return rows.map(({ der }) => toPem('X509 CRL', der)).join('')
}

const verified = async (db: Database) => {
  const { faults, seals } = await verifyAudit(db, { now: new Date() })
  return { faults, seals }
}

test(
  'ok/both ways of the document bring back what was saved, and what was revoked since stays revoked',
  there,
  async () => {
    using scratch = scratchFolder()
    const folder = (name: string) => {
      mkdirSync(path.join(scratch.path, name))
      return path.join(scratch.path, name)
    }
    const env = {
      BACKUP: folder('backup'),
      ARCHIVE: folder('archive'),
      BROKER_FOLDER: folder('broker'),
    }
    await using server = await startServer(scratch.path, { settings: settings(env) })
    const source = { ...env, DATABASE_URL: server.url('muster') }
    await shell('createdb --maintenance-db="${DATABASE_URL%/*}/postgres" muster', source)
    const db = openDatabase({ url: server.url('muster') })
    await migrate(db)
    const { revoke } = await populate(db, server.url('muster'))
    await shadow(db, 'd1')
    await revoke('d1')
    for (const block of docBlocks(RECOVERY, BACKUP, 'sh')) await shell(block, source)
    await shadow(db, 'd3')
    const [moment] = await db.unnamed<{ at: string }>(
      'test',
      'select clock_timestamp()::text as at',
      [],
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    await revoke('d2')
    const before = await numbers(db)
    writeFileSync(path.join(env.BROKER_FOLDER, 'device-crl.pem'), await crlFile(db))
    await archived(db)
    await db.close()
    await server.stop('SIGKILL')

    const [toMoment = '', dump = '', after = ''] = docBlocks(RECOVERY, RESTORE, 'sh')
    for (const [way, block, shadows] of [
      ['moment', toMoment, ['d1 1000007', 'd3 1000007']],
      ['dump', dump, ['d1 1000007']],
    ] as const) {
      const [port = 0] = await freePorts(1)
      const target = {
        ...env,
        UNTIL: moment?.at ?? '',
        NEW_DATA: path.join(scratch.path, `new-${way}`),
        NEW_SOCKET: folder(`socket-${way}`),
        NEW_PORT: String(port),
        NEW_URL: `postgres://postgres@127.0.0.1:${port}/muster`,
      }
      try {
        await shell(block, target)
        await using restored = openDatabase({ url: target.NEW_URL })
        assert.deepEqual((await numbers(restored))?.revoked, ['d1'], way)
        const told = await shell(after, target)
        assert.match(
          told,
          /^1 certificates revoked again, 0 revoked that the backup does not know, \d shadows/,
        )
        const now = await numbers(restored)
        assert.deepEqual(now?.revoked, ['d1', 'd2'], way)
        assert.deepEqual(now.shadows, shadows, way)
        assert.ok(now.epoch > (before?.epoch ?? 0n) + 1000n)
        assert.ok(now.crl > (before?.crl ?? 0n), 'brokers take the next CRL')
        await until('sealed', () => sealAudit({ db: restored, clock: systemClock }, auditKey))
        assert.deepEqual(await verified(restored), { faults: [], seals: 2 }, way)
      } finally {
        await shell(
          'pg_ctl -D "$NEW_DATA" -m immediate -w stop > "$NEW_SOCKET/stop" 2>&1 || true',
          target,
        )
      }
    }
  },
)

/** All that was written is in the archive: what the archive's minute would do. */
async function archived(db: Database): Promise<void> {
  const [row] = await db.unnamed<{ file: string }>(
    'test',
    'select pg_walfile_name(pg_switch_wal()) as file',
    [],
  )
  await until('archived', async () => {
    const [last] = await db.unnamed<{ done: boolean }>(
      'test',
      'select last_archived_wal >= $1 as done from pg_stat_archiver',
      [row?.file ?? ''],
    )
    return last?.done
  })
}

test('fail/a database whose transaction numbers begin anew is told how to go on, and nothing is changed', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed(
    'test',
    `insert into audit_seals (seal_id, from_xid, to_xid, rows, root, previous, signature, public_key, at)
     values (1, '0', '8589934592', 0, '', '', '', '', now())`,
    [],
  )
  await assert.rejects(afterRestore(cloned.db, []), /pg_resetwal -e 3/)
})

test('fail/a CRL of another authority revokes nothing', async () => {
  await using cloned = await cloneDatabase()
  await using other = await cloneDatabase()
  const { pki } = await startIdentity(other)
  await publishCrls({ db: other.db, clock: systemClock, signer: pki.signer })
  const [crl] = await other.db.unnamed<{ der: Buffer }>('test', 'select der from crls', [])
  assert.ok(crl)
  await assert.rejects(afterRestore(cloned.db, [crl.der]), /signed by none of the authorities/)
  assert.deepEqual(await cloned.db.unnamed('test', 'select 1 from audit', []), [])
})
