import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { functionUrl } from '../../../shared/function-url.ts'
import { createRouter, readRoute } from '../../../shared/http/route.ts'
import { ROUTES } from '../../../shared/http/route-table.ts'
import { systemClock } from '../../../shared/clock.ts'
import { loadConfig, type Config, type ConfigSource } from '../../../shared/config.ts'
import type { Logger } from '../../../shared/log.ts'
import { metrics } from '../../../shared/metrics.ts'
import { openTraces } from '../../../shared/open-traces.ts'
import { readPassphrase, readSecret } from '../../../shared/secret.ts'
import { parseHopRoot } from '../../connector/hop-root.ts'
import type { BrokerAddress } from '../../connector/broker-stream.ts'
import { startConnector } from '../../connector/start.ts'
import { readTriggers } from '../../connector/triggers.ts'
import { functionNames } from '../../function/names.ts'
import type { Dispatch } from '../../gateway/dispatch.ts'
import { startGateway } from '../../gateway/gateway.ts'
import { startLiveEdge } from '../../gateway/live-edge.ts'
import { mountFunctions } from '../../gateway/mount.ts'
import { enterAuthorities } from './authority.ts'
import { headline, progress, welcome } from './banner.ts'
import { startLiveBroker } from './broker.ts'
import { openDataDirectory, readVersion, type DataDirectory } from './data-directory.ts'
import { startDatabase, type StartedDatabase } from './database.ts'
import { watchDisk } from './disk-guard.ts'
import { saveOwnEndpoint } from './endpoint.ts'
import { EXIT } from './fault.ts'
import { preload } from './functions.ts'
import { openHosts, type Hosts } from './hosts.ts'
import { kickBarred } from './kick.ts'
import { openLog } from './log.ts'
import { checkStore } from './store.ts'
import { keepOperatorToken, writeCliFile } from './operator-token.ts'
import { Parts } from './parts.ts'
import { checkPorts, usableHost } from './ports.ts'
import { countDevices, freeSlots } from './queries.ts'
import { waitFor } from './reach.ts'
import { makeSecrets } from './secrets.ts'
import {
  givenCertificate,
  serverCertificate,
  type ServerCertificate,
  writeTopOfChain,
} from './server-certificate.ts'
import { untilAsked } from './signals.ts'

const CONNECTOR_CONNECTIONS = 4
const POSTGRES_STOP_MS = 1500
// Of what a stop may take, for the last spans.
const TRACES_MS = 500
// Another instance on the same database may hold the slots; then this one stands by.
const HELD_MS = 3000
const STACK = new URL('../../../stack.yml', import.meta.url)

type HopRoot = ReturnType<typeof parseHopRoot>

interface Start {
  readonly config: Config
  readonly data: DataDirectory
  readonly log: Logger
  readonly parts: Parts
  readonly passphrase: string | undefined
  readonly say: (text: string) => void
}

interface Joined extends Start {
  readonly database: StartedDatabase
  readonly hosts: Hosts
  readonly certificate: () => Promise<ServerCertificate>
}

/** Starts everything in this process and runs until asked to stop; the exit code. */
export async function run(source: ConfigSource, say: (text: string) => void): Promise<number> {
  const started = performance.now()
  const given = loadConfig({ ...source, embedded: true })
  const config = { ...given, edgeHost: await usableHost(given.edgeHost) }
  const levelGiven = (source.options?.LOG_LEVEL ?? source.env['LOG_LEVEL']) !== undefined
  const log = openLog({ level: config.logLevel, levelGiven, format: config.logFormat })
  const asked = untilAsked()
  const version = await readVersion()
  const data = await openDataDirectory(config.dataDirectory, version, config.diskFreeMinBytes)
  const parts = new Parts()
  parts.add('data directory', () => data.release(systemClock.now()))
  const traces = await openTraces(config, log)
  parts.add('traces', (withinMs) => traces.close(Math.min(withinMs, TRACES_MS)))
  const start: Start = {
    config,
    data,
    log,
    parts,
    passphrase: readPassphrase(config.passphraseFile),
    say,
  }
  try {
    const stopped = asked.then(() => undefined)
    const running = await Promise.race([startAll(start, version, started), stopped])
    const reason = await Promise.race([stopped, running?.ended ?? stopped])
    if (reason === undefined) return 0
    log.fatal({ reason }, 'a part ended by itself')
    return EXIT.postgresRefuses
  } finally {
    await parts.close(config.stopSeconds * 1000 - 500, log)
  }
}

interface Running {
  /** Fulfilled with the reason when a part that all need has ended. */
  readonly ended: Promise<string>
}

async function startAll(start: Start, version: string, started: number): Promise<Running> {
  const { config, data, log, parts, passphrase, say } = start
  await checkPorts([
    { name: 'EDGE_PORT', host: config.edgeHost, port: config.edgePort },
    // An operator's broker may have that port on this very machine.
    ...(config.mqttUrl === undefined
      ? [{ name: 'MQTTS_PORT' as const, host: config.edgeHost, port: config.mqttsPort }]
      : []),
    { name: 'GATEWAY_PORT', host: '127.0.0.1', port: config.gatewayPort },
  ])
  const names = await functionNames()
  const loading = preload(names)
  const now = systemClock.now()
  if (data.isNew) say(headline(version, data, undefined, now))
  const secrets = await makeSecrets(data, now, passphrase)
  const database = await startDatabase(config, data, log)
  const { owner, embedded } = database
  if (embedded) parts.add('postgres', (withinMs) => embedded.stop(withinMs), POSTGRES_STOP_MS)
  parts.add('owner pool', () => owner.close())
  await data.noteStart()
  const authorityEnds = await enterAuthorities(owner, data, passphrase)
  const devices = (await owner.row(countDevices, []))?.devices
  if (!data.isNew) say(headline(version, data, devices, now))
  say(progress(database, secrets.made, authorityEnds))
  const hosts = openHosts({
    config: { ...config, databaseUrl: database.url, databaseDirectUrl: database.directUrl },
    databaseUrl: database.url,
    roles: database.url === database.directUrl,
    secretFolder: secrets.folder,
    log,
  })
  parts.add('pools', async () => hosts[Symbol.asyncDispose]())
  await loading
  const certificate = certificateSource(start)
  const { lost } = await join({ ...start, database, hosts, certificate }, names)
  say(welcome(config, data, (performance.now() - started) / 1000))
  return { ended: Promise.race([untilBroken(embedded?.ended), lost]) }
}

/** The operator's certificate by its files, else the own one. */
function certificateSource({ config, data, passphrase }: Start) {
  const { edgeCertFile, edgeKeyFile, publicNames } = config
  return async (): Promise<ServerCertificate> => {
    if (edgeCertFile === undefined || edgeKeyFile === undefined)
      return serverCertificate(data, { names: publicNames, now: systemClock.now(), passphrase })
    return givenCertificate(edgeCertFile, edgeKeyFile)
  }
}

/** Mounts the functions and opens broker, gateway, connector and edge; fulfilled with a promise of the connector's loss. */
async function join(joined: Joined, names: readonly string[]): Promise<{ lost: Promise<string> }> {
  const { config, data, log, parts, hosts, database, certificate } = joined
  const hop = hopRoot(data)
  const { cert } = await certificate()
  if (config.edgeCertFile !== undefined) await writeTopOfChain(data, cert)
  await keepOperatorToken(database.owner, data, systemClock.now())
  await writeCliFile(data, config.apiUrl)
  await saveOwnEndpoint(database.owner, config)
  const address = await brokerAddress(joined)
  const mounted = await mountFunctions({ names, hostOf: (name) => hosts.of(name), hop })
  const disk = watchDisk({ data, freeMinBytes: config.diskFreeMinBytes, db: database.owner, log })
  parts.add('disk', async () => disk.close())
  const dispatch = disk.guard(mounted)
  await checkStore(config)
  const gateway = await startGateway({ port: config.gatewayPort, dispatch, log })
  parts.add('gateway', (withinMs) => gateway.close(withinMs / 2))
  const lost = Promise.withResolvers<string>()
  const connector = await startConnector({
    db: hosts.database('connector', CONNECTOR_CONNECTIONS),
    directUrl: database.directUrl,
    urlOf: (name) => functionUrl(gateway.url, name),
    hop,
    cells: [{ name: config.mqttBroker, address }],
    triggers: await readTriggers(STACK),
    limits: {
      connections_limit: config.brokerMaxConnections,
      // The embedded broker's sessions have limits of their own.
      ...('url' in address && { queue_limit: config.brokerMaxQueued }),
    },
    registry: metrics,
    log: log.child({ part: 'connector' }),
    onStreamLost: (error) => lost.resolve(`connector: ${error.message}`),
  })
  parts.add('connector', (withinMs) => connector.close(withinMs / 2))
  await openEdge(joined, dispatch, hop)
  await Promise.race([connector.held, sleep(HELD_MS, undefined, { ref: false })])
  return { lost: lost.promise }
}

function hopRoot(data: DataDirectory): HopRoot {
  const place = { env: process.env, folder: data.file('secrets') }
  return parseHopRoot(readSecret('hop-root', place) ?? Buffer.alloc(0))
}

/** The operator's broker, else the embedded one, started here. */
async function brokerAddress(joined: Joined): Promise<BrokerAddress> {
  const { config, data, log, parts, hosts, database, certificate } = joined
  const { mqttUrl: url, mqttCaFile: caFile, mqttCertFile: certFile, mqttKeyFile: keyFile } = config
  if (url !== undefined) {
    await waitFor('MQTT_URL', url, url.startsWith('mqtts:') ? 8883 : 1883)
    return { url, caFile, certFile, keyFile }
  }
  const db = hosts.database('broker-agent')
  const live = await startLiveBroker({ config, data, db, clock: systemClock, log, certificate })
  parts.add('broker', () => live.close())
  const kicks = kickBarred({ db, directUrl: database.directUrl, broker: live.broker, log })
  parts.add('kicks', () => kicks.close())
  if (database.embedded) await database.owner.rows(freeSlots, [config.mqttBroker])
  return { stream: (clientId) => live.broker.connect(clientId) }
}

async function openEdge(joined: Joined, dispatch: Dispatch, hop: HopRoot): Promise<void> {
  const { config, data, log, parts, hosts, certificate } = joined
  const edge = await startLiveEdge({
    host: config.edgeHost,
    port: config.edgePort,
    certificate,
    hop,
    route: createRouter(ROUTES.map(readRoute)),
    dispatch,
    now: () => systemClock.now(),
    log,
    db: hosts.database('edge'),
    authorities: [await readFile(data.file('secrets', 'claim-ca-certificate'), 'utf8')],
    processMetrics: () => metrics.metrics(),
  })
  parts.add('edge', (withinMs) => edge.close(withinMs / 2))
}

async function untilBroken(postgres: Promise<string> | undefined): Promise<string> {
  const { promise: never } = Promise.withResolvers<string>()
  return postgres === undefined ? never : `PostgreSQL: ${await postgres}`
}
