import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Gauge } from 'prom-client'
import type { Clock } from '../../../shared/clock.ts'
import type { Config } from '../../../shared/config.ts'
import type { Database } from '../../../shared/db/database.ts'
import type { Logger } from '../../../shared/log.ts'
import { metrics } from '../../../shared/metrics.ts'
import { certificatePem } from '../../../shared/pki/pem.ts'
import { readAuthorities } from '../../../shared/pki/read-authorities.ts'
import { startBroker, type EmbeddedBroker } from '../broker.ts'
import type { OperatorTopic } from '../broker-topics.ts'
import { admitPeer } from './broker-peers.ts'
import type { DataDirectory } from './data-directory.ts'
import { readOperatorTopics } from './queries.ts'
import type { ServerCertificate } from './server-certificate.ts'

const TOPICS_MS = 500
const AUTHORITIES_MS = 10_000
const VALUES_MS = 5_000

interface BrokerDeps {
  readonly config: Config
  readonly data: DataDirectory
  /** As role `broker-agent`. */
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  readonly certificate: () => Promise<ServerCertificate>
}

export interface LiveBroker {
  readonly broker: EmbeddedBroker
  close(): Promise<void>
}

/** The broker with what the database says, read again and again: who may connect, and the operator's topics. */
export async function startLiveBroker(deps: BrokerDeps): Promise<LiveBroker> {
  const { config, data, db, clock, certificate } = deps
  const servicePem = await readFile(data.file('secrets', 'service-ca-certificate'), 'utf8')
  const service = new X509Certificate(servicePem)
  let topics: readonly OperatorTopic[] = await db.rows(readOperatorTopics, [])
  const authorities = async () => {
    const known = await readAuthorities(db)
    return [...known.map((each) => certificatePem(each.certificate.der)), servicePem]
  }
  let served = ''
  const broker = await startBroker({
    ...placeOf(config),
    topics: () => topics,
    admit: (peer) => admitPeer({ db, clock, service }, peer),
    tls: async () => {
      const tls = { ...(await certificate()), authorities: await authorities() }
      served = JSON.stringify(tls)
      return tls
    },
  })
  const refresh = async () => {
    const now = { ...(await certificate()), authorities: await authorities() }
    if (JSON.stringify(now) !== served) await broker.reload()
  }
  const timers = [
    every(TOPICS_MS, deps.log, async () => {
      topics = await db.rows(readOperatorTopics, [])
    }),
    every(AUTHORITIES_MS, deps.log, refresh),
    every(VALUES_MS, deps.log, async () => exportValues(broker, config.mqttBroker)),
  ]
  return {
    broker,
    close: async () => {
      for (const timer of timers) clearInterval(timer)
      await broker.close()
    },
  }
}

const placeOf = ({ edgeHost, mqttsPort, brokerMaxConnections }: Config) => ({
  host: edgeHost,
  port: mqttsPort,
  maxConnections: brokerMaxConnections,
})

// The gauge is the connector's, which fills it from `$SYS` where the broker is a Mosquitto.
function exportValues(broker: EmbeddedBroker, cell: string): void {
  const gauge = metrics.getSingleMetric('muster_broker_value')
  if (!(gauge instanceof Gauge)) return
  for (const [name, value] of Object.entries(broker.values())) gauge.set({ cell, name }, value)
}

function every(ms: number, log: Logger, work: () => Promise<void>): NodeJS.Timeout {
  return setInterval(() => {
    work().catch((error: unknown) => log.warn({ err: error }, 'broker not refreshed'))
  }, ms)
}
