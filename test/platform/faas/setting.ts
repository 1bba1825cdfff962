// The shadow path over stand-ins: Mosquitto, PostgreSQL, two connectors as processes, and the functions' bundles as replicas behind
// the watchdog's and the gateway's stand-in.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bundleFunction } from '../../../infra/build/bundle.ts'
import { bundleWatchdog } from '../../../infra/build/watchdog.ts'
import { deriveHopKey, formatHopKeys } from '../../../shared/hop/keys.ts'
import type { Database } from '../../../shared/db/database.ts'
import { prepareFleet, supervise, untilHeld, type Supervised } from '../../chaos/setting.ts'
import { startGatewayStandIn } from '../../support/gateway-stand-in/server.ts'
import { startMosquitto, type Mosquitto } from '../../support/mosquitto.ts'
import { freePorts } from '../../support/ports.ts'
import { cloneDatabase } from '../../support/postgres.ts'
import { startProcess } from '../../support/processes.ts'
import { Replicas } from '../../support/replicas.ts'
import { operatorRequest } from '../../support/shadow-fleet.ts'

export const SHADOW_FUNCTIONS = ['shadow-update', 'compute-delta', 'register'] as const
type Name = (typeof SHADOW_FUNCTIONS)[number]

export interface FaasSetting extends AsyncDisposable {
  readonly db: Database
  readonly broker: Mosquitto
  readonly functions: Replicas
  readonly connectors: readonly Supervised[]
  readonly gatewayUrl: string
  /** An operator's write through the gateway; whether it was answered with 2xx. */
  desire(deviceId: string, n: number): Promise<boolean>
}

interface Hop {
  readonly kid: string
  readonly root: Buffer
}

export async function bundleShadowFunctions(): Promise<void> {
  await bundleWatchdog()
  for (const name of SHADOW_FUNCTIONS) await bundleFunction(name)
}

/** As an operator deploys them: a secret of keys each, and so many replicas. */
export function deployShadowFunctions(functions: Replicas, hop: Hop, replicas: number): void {
  for (const service of SHADOW_FUNCTIONS) {
    const keys = ['edge', 'connector'].map((caller) => {
      return { kid: hop.kid, caller, key: deriveHopKey(hop.root, caller, service) }
    })
    const secret = `hop-keys-${service}`
    functions.secrets.set(secret, Buffer.from(formatHopKeys(keys)))
    functions.deploy({
      service,
      image: `muster/${service}:0.1.0`,
      envVars: {},
      secrets: [secret],
      labels: { 'com.openfaas.scale.min': String(replicas) },
      annotations: {},
    })
  }
}

async function startFunctions(url: string, hop: Hop, replicas: number): Promise<Replicas> {
  const folder = mkdtempSync(path.join(tmpdir(), 'faas-secrets-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const env = { DATABASE_URL: url, LOG_LEVEL: process.env['MUSTER_TEST_LOG'] ?? 'silent' }
  const functions = new Replicas({ folder, env })
  deployShadowFunctions(functions, hop, replicas)
  await functions.settled()
  return functions
}

/** Starts everything; returns when the connectors hold all slots. */
export async function startFaas(
  deviceIds: readonly string[],
  { replicas = 2, connectors: count = 2 } = {},
): Promise<FaasSetting> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await cloneDatabase())
  const broker = stack.use(await startMosquitto({ autosaveSeconds: 1 }))
  const { db, url } = database
  const token = await prepareFleet(db, deviceIds)
  const hop = { kid: 'k1', root: randomBytes(32) }
  await bundleShadowFunctions()
  const functions = stack.use(await startFunctions(url, hop, replicas))
  const gateway = stack.use(await startGatewayStandIn({ provider: functions }))
  const connectors = (await freePorts(count)).map((port) =>
    supervise((env) =>
      startProcess('infra/connector/main.ts', {
        DATABASE_URL: url,
        HOP_ROOT: hop.root.toString('base64'),
        GATEWAY_URL: gateway.url,
        MQTT_URL: broker.url,
        METRICS_PORT: String(port),
        LOG_LEVEL: process.env['MUSTER_TEST_LOG'] ?? 'silent',
        ...env,
      }),
    ),
  )
  for (const connector of connectors) stack.defer(() => connector.stop())
  await untilHeld(db)
  const running = stack.move()
  return {
    db,
    broker,
    functions,
    connectors,
    gatewayUrl: gateway.url,
    desire: async (id, n) => {
      const signed = operatorRequest(hop, token, id, { state: { desired: { n } } })
      const target = `${gateway.url}/function/${'shadow-update' satisfies Name}`
      const { headers } = signed
      const body = await signed.text()
      const answer = await fetch(target, { method: 'PATCH', headers, body }).catch(() => undefined)
      await answer?.arrayBuffer().catch(() => undefined)
      return answer?.ok === true
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
