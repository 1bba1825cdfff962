// The denominator of S2: as many commits as 32 clients get out of the same server, each an upsert of one small document.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { openDatabase } from '../../shared/db/database.ts'
import type { Cluster } from '../support/cluster.ts'
import { readMeters, since, type Meters } from './meters.ts'

const PROGRAM = '/usr/lib/postgresql/15/bin/pgbench'
const DATABASE = 'pgbench'
const CLIENTS = 32
const DEVICES = 1000
const TABLE = `create table documents (id int primary key, version bigint not null, document jsonb not null)`
const SCRIPT = String.raw`\set id random(1, ${DEVICES})
insert into documents (id, version, document) values (:id, 1, :document)
  on conflict (id) do update set version = documents.version + 1, document = excluded.document;
`
const TPS = /^tps = ([\d.]+)/m
const LATENCY = /^latency average = ([\d.]+) ms/m

/** About 900 bytes in twelve leaves, as a shadow with its metadata. */
const DOCUMENT = JSON.stringify({
  desired: { interval: 60, note: 'd'.repeat(300) },
  reported: { temp: 21.5, uptime: 3600, rssi: -60, net: { rx: 17_770, tx: 9910 }, fw: '2.1.0' },
  note: 'r'.repeat(300),
  metadata: { desired: { interval: 1, note: 1 }, reported: { temp: 1, net: { rx: 1, tx: 1 } } },
  padding: 'p'.repeat(50),
})

export interface Commits {
  /** Commits a second. */
  readonly rate: number
  readonly latency: number
  readonly cpu: Readonly<Record<string, number>>
}

export interface Pgbench extends AsyncDisposable {
  run(seconds: number, meters: Meters): Promise<Commits>
}

/** Makes its database in the cluster; each run writes into the same rows. */
export async function preparePgbench(cluster: Cluster): Promise<Pgbench> {
  await using admin = openDatabase({ url: cluster.url('postgres') })
  await admin.unnamed('create', `create database ${DATABASE}`, [])
  await using db = openDatabase({ url: cluster.url(DATABASE) })
  await db.unnamed('create', TABLE, [])
  const folder = mkdtempSync(path.join(tmpdir(), 'pgbench-'))
  const script = path.join(folder, 'upsert.sql')
  writeFileSync(script, SCRIPT)
  return {
    run: async (seconds, meters) => {
      const args = [
        ...['--no-vacuum', '--protocol=prepared', `--client=${CLIENTS}`, '--jobs=2'],
        ...[`--time=${seconds}`, `--file=${script}`, `--define=document=${DOCUMENT}`],
        cluster.url(DATABASE),
      ]
      const before = readMeters(meters)
      const { stdout } = await promisify(execFile)(PROGRAM, args)
      const cpu = since(before, meters)
      const rate = Number(TPS.exec(stdout)?.[1])
      if (!(rate > 0)) throw new Error(`pgbench: ${stdout}`)
      return { rate, latency: Number(LATENCY.exec(stdout)?.[1]), cpu }
    },
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  }
}
