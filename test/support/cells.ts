// Three Mosquittos, two connectors that share their slots, functions: each a process of its own, started again when it dies.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { supervise, type Supervised } from '../chaos/setting.ts'
import { startMosquitto, type Mosquitto } from './mosquitto.ts'
import { insertToken } from './operator.ts'
import { freePorts } from './ports.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'
import { startProcess, type Running } from './processes.ts'
import { operatorRequest } from './shadow-fleet.ts'
import { until } from './until.ts'

export interface HeldSlot {
  readonly broker: string
  readonly class: string
  readonly holder: string
  readonly live: boolean
}

export interface CellSetting extends AsyncDisposable {
  readonly database: TestDatabase
  readonly cells: ReadonlyMap<string, Mosquitto>
  readonly connectors: readonly Supervised[]
  /** The process of a holder that runs now. */
  readonly processOf: (holder: string) => Running | undefined
  readonly slots: () => Promise<HeldSlot[]>
  /** Until each of the twelve slots has a holder that lives, and of each class both connectors have some. */
  readonly shared: () => Promise<void>
  readonly urlOf: (cell: string) => string
  /** An operator's write; whether it was answered with 2xx. */
  readonly desire: (deviceId: string, state: object) => Promise<boolean>
}

const NAMES = ['a', 'b', 'c'] as const
export type CellName = (typeof NAMES)[number]

export const cellAt = (index: number): CellName => NAMES[index % NAMES.length] ?? 'a'

/** Devices belong to the cells in turn. */
export async function startCells(deviceIds: readonly string[]): Promise<CellSetting> {
  const database = await cloneDatabase()
  const brokers = await Promise.all(NAMES.map(() => startMosquitto({ autosaveSeconds: 1 })))
  const cells = new Map(NAMES.flatMap((name, at) => [[name as string, required(brokers[at])]]))
  await insertDevices(database, deviceIds)
  const token = await insertToken(database.db, 'ops', ['operate'])
  const hop = { kid: 'k1', root: randomBytes(32) }
  const [gateway = 0, ...metrics] = await freePorts(3)
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-cells-'))
  const file = path.join(folder, 'cells.yml')
  const lines = [...cells].map(([name, { url }]) => `  - { name: ${name}, url: '${url}' }`)
  writeFileSync(file, ['cells:', ...lines, ''].join('\n'))
  const env = {
    DATABASE_URL: database.url,
    HOP_ROOT: hop.root.toString('base64'),
    GATEWAY_PORT: String(gateway),
  }
  const functions = supervise(() => startProcess('test/chaos/functions-process.ts', env))
  const running = new Set<Running>()
  const connectors = metrics.map((port) =>
    supervise(() => {
      const started = startProcess('infra/connector/main.ts', {
        ...env,
        MQTT_CELLS_FILE: file,
        METRICS_PORT: String(port),
        LOG_LEVEL: process.env['MUSTER_TEST_LOG'] ?? 'silent',
      })
      running.add(started)
      return started
    }),
  )
  const slots = () =>
    database.db.unnamed<HeldSlot>(
      'test',
      'select broker, class, holder, lease_until > now() as live from connector_slots order by broker, class',
      [],
    )
  return {
    database,
    cells,
    connectors,
    slots,
    processOf: (holder) =>
      [...running].find((each) => each.alive && holder.includes(`-${each.pid}-`)),
    shared: async () => {
      await until('slots shared', async () => isShared(await slots()), 30)
    },
    urlOf: (cell) => cells.get(cell)?.url ?? '',
    desire: async (id, state) => {
      const signed = operatorRequest(hop, token, id, state)
      const target = `http://127.0.0.1:${gateway}/function/shadow-update`
      const body = await signed.text()
      const sent = { method: 'PATCH', headers: signed.headers, body }
      const answer = await fetch(target, sent).catch(() => undefined)
      return answer?.ok === true
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([functions.stop(), ...connectors.map((each) => each.stop())])
      await Promise.all(brokers.map((each) => each[Symbol.asyncDispose]()))
      await database[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function isShared(slots: readonly HeldSlot[]): boolean {
  if (slots.length !== NAMES.length * 4 || !slots.every(({ live }) => live)) return false
  const classes = Map.groupBy(slots, (slot) => slot.class)
  return [...classes.values()].every((of) => new Set(of.map(({ holder }) => holder)).size === 2)
}

async function insertDevices(database: TestDatabase, ids: readonly string[]): Promise<void> {
  await database.db.unnamed(
    'test',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     select d.id, 'A', '1', '', 'infinity', d.cell from unnest($1::text[], $2::text[]) d(id, cell)`,
    [ids, ids.map((_id, at) => cellAt(at))],
  )
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not started')
  return value
}
