// The whole shadow path, real: Mosquitto, connector, gateway, shadow-update, compute-delta, PostgreSQL; and what a test puts between.
import { randomBytes, randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { functionUrl } from '../../shared/function-url.ts'
import { startConnector, type Connector } from '../../infra/connector/start.ts'
import { readTriggers } from '../../infra/connector/triggers.ts'
import type { Dispatch } from '../../infra/gateway/dispatch.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { systemClock } from '../../shared/clock.ts'
import { loadConfig } from '../../shared/config.ts'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { createLogger } from '../../shared/log.ts'
import { insertDevice } from './certificate.ts'
import { silentLog } from './connector.ts'
import { startMosquitto, type Mosquitto } from './mosquitto.ts'
import { insertToken } from './operator.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

const STACK = new URL('../../stack.yml', import.meta.url)
const FUNCTIONS = ['shadow-update', 'compute-delta', 'register'] as const

export interface HistoryRow {
  readonly device_id: string
  readonly version: bigint
  readonly request: string
}

export interface ShadowFleet<Broker = Mosquitto> extends AsyncDisposable {
  readonly database: TestDatabase
  readonly broker: Broker
  readonly connector: Connector
  history(deviceId: string): Promise<HistoryRow[]>
  /** An operator's write of desired state, as the edge passes it on; the status. */
  desire(deviceId: string, state: object): Promise<number>
  outboxRows(): Promise<number>
}

/** Waits or loses what a function answered; by default passes it on. */
export type Between = (name: string, answered: () => Promise<Response>) => Promise<Response>

const passOn: Between = (_name, answered) => answered()

export const startShadowFleet = (
  deviceIds: readonly string[],
  between: Between = passOn,
): Promise<ShadowFleet> => startShadowFleetOn(startMosquitto, deviceIds, between)

/** On another broker. */
export async function startShadowFleetOn<Broker extends AsyncDisposable & { readonly url: string }>(
  startBroker: () => Promise<Broker>,
  deviceIds: readonly string[],
  between: Between = passOn,
): Promise<ShadowFleet<Broker>> {
  const [database, broker] = await Promise.all([cloneDatabase(), startBroker()])
  for (const id of deviceIds) await insertDevice(database.db, id)
  const token = await insertToken(database.db, 'ops', ['operate'])
  const hop = { kid: 'k1', root: randomBytes(32) }
  const log = createLogger(process.env['MUSTER_TEST_LOG'] ?? 'silent')
  const config = loadConfig({ env: { MUSTER_DATA: '/nonexistent', PUBLIC_NAMES: 'localhost' } })
  const mounted = await mountFunctions({
    names: FUNCTIONS,
    hop,
    hostOf: (name) => ({
      config,
      db: database.as(name),
      clock: systemClock,
      log,
      secret: async () => undefined,
    }),
  })
  const dispatch: Dispatch = (name, request) => between(name, () => mounted(name, request))
  const gateway = await startGateway({ port: 0, dispatch, log })
  const connector = await startConnector({
    db: database.as('connector'),
    directUrl: database.url,
    urlOf: (name) => functionUrl(gateway.url, name),
    hop,
    cells: [{ name: 'local', address: { url: broker.url } }],
    triggers: { ...(await readTriggers(STACK)), schedules: [] },
    registry: new Registry(),
    log: process.env['MUSTER_TEST_LOG'] === undefined ? silentLog : log,
  })
  await connector.held
  return {
    database,
    broker,
    connector,
    history: (id) =>
      database.db.unnamed(
        'test',
        'select device_id, version, request from shadow_history where device_id = $1 order by version',
        [id],
      ),
    desire: async (id, state) => {
      const request = operatorRequest(hop, token, id, { state: { desired: state } })
      return (await mounted('shadow-update', request)).status
    },
    outboxRows: async () => (await database.db.unnamed('test', 'select from outbox', [])).length,
    [Symbol.asyncDispose]: async () => {
      await connector.close(1000)
      await gateway.close(200)
      await broker[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** A write of an operator, signed as by the edge. */
export function operatorRequest(
  hop: { readonly kid: string; readonly root: Buffer },
  token: string,
  deviceId: string,
  body: object,
): Request {
  const text = JSON.stringify(body)
  const callee = 'shadow-update'
  const key = { kid: hop.kid, key: deriveHopKey(hop.root, 'edge', callee) }
  const headers = signHop({
    key,
    caller: 'edge',
    callee,
    now: new Date(),
    method: 'PATCH',
    target: `/api/v1/devices/${deviceId}/shadow`,
    contentType: 'application/json',
    source: '127.0.0.1',
    body: hashBody(text),
    nonce: randomUUID(),
  })
  return new Request(`http://gateway/function/${callee}`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: text,
  })
}
