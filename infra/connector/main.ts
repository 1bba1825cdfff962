// The connector as a process of its own: reads the environment, serves its metrics, ends on SIGTERM after what is under way.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { ConfigError, loadConfig, type Config } from '../../shared/config.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { processUrls, type ProcessUrls } from '../../shared/db/process-url.ts'
import { sqlState } from '../../shared/db/transaction.ts'
import { functionUrl } from '../../shared/function-url.ts'
import { createLogger, type Logger } from '../../shared/log.ts'
import { metrics } from '../../shared/metrics.ts'
import { openTraces } from '../../shared/open-traces.ts'
import { readSecret } from '../../shared/secret.ts'
import { cellsOf, type Cell } from './cells.ts'
import { parseHopRoot, rotatingHopRoot, type HopSource } from './hop-root.ts'
import { startConnector } from './start.ts'
import { readTriggers } from './triggers.ts'

const STACK = new URL('../../stack.yml', import.meta.url)
const ROLE = 'muster_connector'
const CONNECTIONS = 4
// Statements end after 5 s by themselves; a host that is gone says nothing.
const ANSWER_MS = 6_000
const USAGE = 2
// Of what a stop may take, kept for the last spans.
const TRACES_MS = 300
const FAILED = 1
// Connection exceptions, too many connections, shutdown and recovery; and what the socket says.
const UNREACHABLE = /^(?:08|53|57P0|E(?:CONN|PIPE|NOENT|TIMEDOUT|HOSTUNREACH))/

interface Needed {
  readonly urls: ProcessUrls
  readonly cells: readonly Cell[]
  readonly hop: HopSource
}

const readHopRoot = () => readSecret('hop-root', { env: process.env, functionName: 'connector' })

/** @throws {ConfigError} naming all that is missing */
function neededOf(config: Config): Needed {
  const cells = cellsOf(config)
  const urls = processUrls(config, 'connector')
  const root = readHopRoot()
  if (urls !== undefined && cells !== undefined && root !== undefined) {
    return { urls, cells, hop: rotatingHopRoot(parseHopRoot(root), readHopRoot) }
  }
  const given = { DATABASE_URL: urls, MQTT_URL: cells, HOP_ROOT: root }
  const missing = Object.entries(given).filter(([, value]) => value === undefined)
  throw new ConfigError(missing.map(([shown]) => ({ shown, problem: 'missing' })))
}

async function start(config: Config, db: Database, log: Logger, needed: Needed) {
  return startConnector({
    db,
    directUrl: needed.urls.directUrl,
    urlOf: (name) => functionUrl(config.gatewayUrl, name),
    hop: needed.hop,
    cells: needed.cells,
    triggers: await readTriggers(STACK),
    limits: { connections_limit: config.brokerMaxConnections, queue_limit: config.brokerMaxQueued },
    registry: metrics,
    log,
  })
}

async function serveMetrics(port: number): Promise<Server> {
  const server = createServer((_request, response) => {
    metrics.metrics().then(
      (text) => response.setHeader('content-type', metrics.contentType).end(text),
      () => response.writeHead(500).end(),
    )
  })
  server.listen(port)
  await once(server, 'listening')
  return server
}

async function main(): Promise<void> {
  const config = loadConfig({ env: process.env, functionName: 'connector' })
  const needed = neededOf(config)
  const log = createLogger(config.logLevel)
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await using db = openDatabase({
    url: needed.urls.url,
    connections: config.databasePoolConnections ?? CONNECTIONS,
    name: 'muster connector',
    answerMs: ANSWER_MS,
    // Behind a pooler `set role` would leak to others: there the login is the connector's own.
    ...(needed.urls.direct && { role: ROLE }),
  })
  const traces = await openTraces(config, log)
  const server = await serveMetrics(config.metricsPort)
  const connector = await start(config, db, log, needed)
  log.info(
    { cells: needed.cells.map(({ name }) => name), metricsPort: config.metricsPort },
    'connector started',
  )
  await stopped
  await connector.close(config.stopSeconds * 1000 - 500)
  await traces.close(TRACES_MS)
  server.close()
  log.info({}, 'connector stopped')
}

try {
  await main()
} catch (error) {
  // A database that is not there, or not yet: whoever runs the connector starts it again.
  const unreachable = UNREACHABLE.test(sqlState(error) ?? '')
  if (!(error instanceof ConfigError) && !unreachable) throw error
  process.stderr.write(`connector: ${error instanceof Error ? error.message : 'unknown'}\n`)
  process.exit(unreachable ? FAILED : USAGE)
}
