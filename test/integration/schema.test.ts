import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { DUMP_FILE, schemaDump } from '../../infra/build/schema-dump.ts'
import { startCluster } from '../support/cluster.ts'
import { needs } from '../support/needs.ts'

const BINARIES = '/usr/lib/postgresql/15/bin'

// MUSTER_WRITE_SCHEMA=1 writes the dump instead of comparing it.
test(
  'ok/the committed dump is what the migrations make on PostgreSQL 15',
  needs('PostgreSQL 15', existsSync(`${BINARIES}/pg_dump`)),
  async () => {
    await using cluster = await startCluster({ binaries: BINARIES })
    const dump = await schemaDump(cluster.url('postgres'), BINARIES)
    if (process.env['MUSTER_WRITE_SCHEMA'] === '1') await writeFile(DUMP_FILE, dump)
    assert.equal(dump, await readFile(DUMP_FILE, 'utf8'))
  },
)
