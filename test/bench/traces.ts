// What traces cost: CPU of connector's call, gateway and function per update with and without, in one process, by turns. The collector
// is a process apart and not counted; neither is PostgreSQL, which sees no trace.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createCaller } from '../../infra/connector/caller.ts'
import { invoke } from '../../infra/connector/invoke.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { systemClock } from '../../shared/clock.ts'
import { loadConfig } from '../../shared/config.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { createLogger } from '../../shared/log.ts'
import { encodeItem } from '../../shared/mqtt/delivery.ts'
import { recordTraces } from '../../shared/trace/record.ts'
import { droppedSpans } from '../../shared/trace/span-export.ts'
import { startCluster } from '../support/cluster.ts'
import { freePorts } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 7
const FUNCTION = 'shadow-update'
const DEVICES = 1000
const DEVICE = `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint, status)
  select 'd' || lpad(n::text, 7, '0'), 'A', '1.0.0', to_hex(n), now() + interval '90 days', 'local', 'active'
    from generate_series(0, $1::int - 1) n`
const SLOT = `insert into connector_slots (broker, class, holder, epoch, lease_until)
  values ('local', 'shadow', 'bench', 5, now() + interval '1 day') returning slot`
const COLLECTOR = `require('node:http').createServer((request, response) => request.resume().on('end', () => response.end('{}'))).listen(process.env.PORT, '127.0.0.1')`

interface Path {
  /** Sends a batch through connector's call, gateway and function; fulfilled when all are done. */
  send(items: number): Promise<void>
  close(): Promise<void>
}

async function openPath(url: string): Promise<Path> {
  const db = openDatabase({ url, connections: 4 })
  await migrate(db)
  await db.unnamed('load', DEVICE, [DEVICES])
  const [row] = await db.unnamed<{ slot: number }>('slot', SLOT, [])
  const hop = { kid: 'k1', root: randomBytes(32) }
  const log = createLogger('silent')
  const config = loadConfig({ env: { MUSTER_DATA: '/nonexistent', PUBLIC_NAMES: 'localhost' } })
  const secret = async () => undefined
  const host = { config, db, clock: systemClock, log, secret }
  const dispatch = await mountFunctions({ names: [FUNCTION], hop, hostOf: () => host })
  const gateway = await startGateway({ port: 0, dispatch, log })
  const caller = createCaller({ urlOf: (name) => `${gateway.url}/function/${name}`, hop })
  const { signal } = new AbortController()
  const event = eventsOf(row?.slot ?? 1)
  return {
    send: async (items) => {
      const events = Array.from({ length: items }, event)
      const outcome = await invoke(caller, {
        functionName: FUNCTION,
        events,
        deadlineMs: 10_000,
        signal,
      })
      if (outcome.kind !== 'answer') throw new Error(`not done: ${JSON.stringify(outcome)}`)
      await db.unnamed('outbox', 'delete from outbox', [])
    },
    close: async () => {
      caller.close()
      await gateway.close(200)
      await db.close()
    },
  }
}

/** Updates of one device after the other, each another one. */
function eventsOf(slot: number): () => string {
  let number = 0
  return () => {
    number += 1
    return encodeItem({
      topic: `devices/d${String(number % DEVICES).padStart(7, '0')}/shadow/update`,
      payload: Buffer.from(JSON.stringify({ state: { reported: { temp: number } } })),
      id: String((5n << 40n) + BigInt(number)),
      slot,
      epoch: '5',
      packet: (number % 65_535) + 1,
      dup: false,
    })
  }
}

async function startCollector() {
  const [port = 0] = await freePorts(1)
  const env = { PATH: process.env['PATH'] ?? '', PORT: String(port) }
  const child = spawn(process.execPath, ['-e', COLLECTOR], { env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
  await until('the collector is there', answers)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit')
      child.kill()
      await gone
    },
  }
}

interface Load {
  readonly items: number
  readonly batches: number
}

/** Microseconds of CPU per update. Spans still waiting are sent within it. */
async function cost(path: Path, { items, batches }: Load, traces?: [url: string, ratio: number]) {
  const recording = traces && recordTraces(...traces, createLogger('silent'))
  const before = process.cpuUsage()
  for (let batch = 0; batch < batches; batch++) await path.send(items)
  await recording?.close(5_000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (items * batches)
}

interface Case {
  readonly what: string
  readonly ratio: number
  readonly load: Load
  readonly floor: number
  readonly target: number
}

const FEW: Load = { items: 1, batches: 1000 }
const MANY: Load = { items: 200, batches: 200 }
const CASES: readonly Case[] = [
  { what: 'all, one update a call', ratio: 1, load: FEW, floor: 1.5, target: 1.25 },
  { what: '1 %, one update a call', ratio: 0.01, load: FEW, floor: 1.15, target: 1.05 },
  { what: 'all, 200 updates a call', ratio: 1, load: MANY, floor: 1.1, target: 1.03 },
]

async function measure(path: Path, url: string, { what, ratio, load, floor, target }: Case) {
  const ratios: number[] = []
  const off: number[] = []
  const on: number[] = []
  for (let round = 0; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    const without = await cost(path, load)
    const traced = await cost(path, load, [url, ratio])
    if (round === 0) continue // the first warms caches and plans
    off.push(without)
    on.push(traced)
    ratios.push(traced / without)
  }
  const notes = `${median(off).toFixed(1)} µs without, ${median(on).toFixed(1)} with`
  say(`${what}: ${notes}`)
  const goal: Goal = {
    goal: 'T1',
    what: `CPU per update of connector's call, gateway and function traced / not: ${what}`,
    value: median(ratios),
    floor,
    target,
    unit: 'ratio',
    better: 'lower',
    samples: ratios,
    notes,
  }
  return goal
}

export async function goals(): Promise<Goal[]> {
  await using cluster = await startCluster()
  await using collector = await startCollector()
  const path = await openPath(cluster.url('postgres'))
  const found: Goal[] = []
  for (const each of CASES) found.push(await measure(path, collector.url, each))
  await path.close()
  const { values } = await droppedSpans.get()
  const dropped = values.reduce((sum, { value }) => sum + value, 0)
  if (dropped > 0) throw new Error(`${dropped} spans dropped: what they cost was not measured`)
  return found
}
