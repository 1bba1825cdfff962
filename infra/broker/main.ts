// The broker agent as a process of its own, beside one Mosquitto. `prepare` writes the broker's files and ends; without a word it keeps them, until SIGTERM.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { ConfigError, loadConfig, type Config } from '../../shared/config.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { processUrls, type ProcessUrls } from '../../shared/db/process-url.ts'
import { createLogger } from '../../shared/log.ts'
import { startAgent } from './agent.ts'
import { CrlFault } from './crl-file.ts'
import type { BrokerAccess } from './kick.ts'
import { brokerFiles, prepareBroker } from './prepare.ts'
import { reloadByPidFile } from './reload.ts'

const ROLE = 'muster_broker_agent'
const USAGE = 2
// Statements end after 5 s by themselves; a host that is gone says nothing.
const ANSWER_MS = 6_000
/** There is no CRL yet: the database is not set up. */
const NOT_YET = 3
// MQTT's own over TLS, where MQTT_URL names no other.
const SERVICE_PORT = 8883

interface Needed {
  readonly urls: ProcessUrls
  readonly folder: string
}

/** @throws {ConfigError} naming all that is missing */
function neededOf(config: Config): Needed {
  const { brokerFolder: folder } = config
  const urls = processUrls(config, 'broker-agent')
  if (urls !== undefined && folder !== undefined) return { urls, folder }
  const given = { DATABASE_URL: urls, BROKER_FOLDER: folder }
  const missing = Object.entries(given).filter(([, value]) => value === undefined)
  throw new ConfigError(missing.map(([shown]) => ({ shown, problem: 'missing' })))
}

const read = async (file: string | undefined) => (file === undefined ? undefined : readFile(file))

function brokerOf({ mqttUrl: url, mqttCaFile, mqttCertFile, mqttKeyFile }: Config): BrokerAccess {
  if (url === undefined) throw new ConfigError([{ shown: 'MQTT_URL', problem: 'missing' }])
  // Read afresh at each connection: the certificate is renewed while the agent runs.
  const tls = async () => {
    const files = [mqttCaFile, mqttCertFile, mqttKeyFile]
    const [ca, cert, key] = await Promise.all(files.map(read))
    return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  }
  return { url, tls }
}

async function keep(config: Config, db: Database, { folder, urls }: Needed): Promise<void> {
  const log = createLogger(config.logLevel)
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const { crl, deviceAcl, serviceAcl, pid } = brokerFiles(folder)
  const agent = await startAgent({
    db,
    directUrl: urls.directUrl,
    broker: brokerOf(config),
    ...(config.mqttBroker !== 'local' && { cell: config.mqttBroker }),
    files: { crl, deviceAcl, serviceAcl },
    reload: reloadByPidFile(pid),
    log,
  })
  log.info({ folder }, 'broker agent started')
  await stopped
  await agent.close()
}

async function main(): Promise<void> {
  const config = loadConfig({ env: process.env, functionName: 'broker-agent' })
  const needed = neededOf(config)
  await using db = openDatabase({
    url: needed.urls.url,
    connections: 2,
    name: 'muster broker agent',
    answerMs: ANSWER_MS,
    ...(needed.urls.direct && { role: ROLE }),
  })
  if (process.argv[2] === 'prepare') {
    const { port } = new URL(brokerOf(config).url)
    await prepareBroker({ db, now: new Date() }, needed.folder, {
      devicePort: config.mqttsPort,
      servicePort: Number(port) || SERVICE_PORT,
      maxConnections: config.brokerMaxConnections,
      maxQueued: config.brokerMaxQueued,
    })
  } else await keep(config, db, needed)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof CrlFault)) throw error
  process.stderr.write(`broker agent: ${error.message}\n`)
  process.exitCode = error instanceof CrlFault ? NOT_YET : USAGE
}
