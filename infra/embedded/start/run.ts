import { readFile } from 'node:fs/promises'
import { createRouter, readRoute } from '../../../shared/http/route.ts'
import { ROUTES } from '../../../shared/http/route-table.ts'
import { systemClock } from '../../../shared/clock.ts'
import { loadConfig, type Config, type ConfigSource } from '../../../shared/config.ts'
import type { Logger } from '../../../shared/log.ts'
import { metrics } from '../../../shared/metrics.ts'
import { startGateway } from '../../gateway/gateway.ts'
import { startLiveEdge } from '../../gateway/live-edge.ts'
import { mountFunctions } from '../../gateway/mount.ts'
import { enterAuthorities } from './authority.ts'
import { headline, progress, welcome } from './banner.ts'
import { startLiveBroker } from './broker.ts'
import { openDataDirectory, readVersion, type DataDirectory } from './data-directory.ts'
import { startDatabase, type StartedDatabase } from './database.ts'
import { saveOwnEndpoint } from './endpoint.ts'
import { EXIT } from './fault.ts'
import { functionNames, preload } from './functions.ts'
import { openHosts, type Hosts } from './hosts.ts'
import { openLog } from './log.ts'
import { keepOperatorToken, writeCliFile } from './operator-token.ts'
import { Parts } from './parts.ts'
import { checkPorts } from './ports.ts'
import { countDevices } from './queries.ts'
import { makeSecrets } from './secrets.ts'
import { serverCertificate, type ServerCertificate } from './server-certificate.ts'
import { untilAsked } from './signals.ts'

const HOP_KID = 'k1'

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
  const config = loadConfig({ ...source, embedded: true })
  const levelGiven = (source.options?.LOG_LEVEL ?? source.env['LOG_LEVEL']) !== undefined
  const log = openLog({ level: config.logLevel, levelGiven, format: config.logFormat })
  const asked = untilAsked()
  const version = await readVersion()
  const data = await openDataDirectory(config.dataDirectory, version, config.diskFreeMinBytes)
  const parts = new Parts()
  parts.add('data directory', () => data.release(systemClock.now()))
  const start: Start = { config, data, log, parts, passphrase: await passphraseOf(config), say }
  try {
    const { ended } = await startAll(start, version, started)
    const reason = await Promise.race([asked.then(() => undefined), ended])
    if (reason === undefined) return 0
    log.fatal({ reason }, 'a part ended by itself')
    return EXIT.postgresRefuses
  } finally {
    await parts.close(config.stopSeconds * 1000 - 500, log)
  }
}

async function passphraseOf({ passphraseFile }: Config): Promise<string | undefined> {
  if (passphraseFile === undefined) return undefined
  return (await readFile(passphraseFile, 'utf8')).replace(/[\r\n]+$/, '')
}

interface Running {
  /** Fulfilled with the reason when a part that all need has ended. */
  readonly ended: Promise<string>
}

async function startAll(start: Start, version: string, started: number): Promise<Running> {
  const { config, data, log, parts, passphrase, say } = start
  await checkPorts([
    { name: 'EDGE_PORT', host: config.edgeHost, port: config.edgePort },
    { name: 'MQTTS_PORT', host: config.edgeHost, port: config.mqttsPort },
    { name: 'GATEWAY_PORT', host: '127.0.0.1', port: config.gatewayPort },
  ])
  const names = await functionNames()
  const loading = preload(names)
  const now = systemClock.now()
  if (data.isNew) say(headline(version, data, undefined, now))
  const secrets = await makeSecrets(data, now, passphrase)
  const database = await startDatabase(config, data, log)
  const { owner, embedded } = database
  if (embedded) parts.add('postgres', (withinMs) => embedded.stop(withinMs))
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
  await join({ ...start, database, hosts, certificate }, names)
  say(welcome(config, data, (performance.now() - started) / 1000))
  return { ended: untilBroken(embedded?.ended) }
}

/** The operator's certificate by its files, else the own one. */
function certificateSource({ config, data, passphrase }: Start) {
  const { edgeCertFile, edgeKeyFile, publicNames } = config
  return async (): Promise<ServerCertificate> => {
    if (edgeCertFile === undefined || edgeKeyFile === undefined)
      return serverCertificate(data, { names: publicNames, now: systemClock.now(), passphrase })
    const [cert, key] = await Promise.all([
      readFile(edgeCertFile, 'utf8'),
      readFile(edgeKeyFile, 'utf8'),
    ])
    return { cert, key }
  }
}

/** Mounts the functions and opens broker, gateway and edge. */
async function join(joined: Joined, names: readonly string[]): Promise<void> {
  const { config, data, log, parts, hosts, database, certificate } = joined
  const secret = await readFile(data.file('secrets', 'hop-root'), 'utf8')
  const hop = { kid: HOP_KID, root: Buffer.from(secret, 'base64') }
  await certificate()
  await keepOperatorToken(database.owner, data, systemClock.now())
  await writeCliFile(data, config.apiUrl)
  await saveOwnEndpoint(database.owner, config)
  const live = await startLiveBroker({
    config,
    data,
    db: hosts.database('broker-agent'),
    clock: systemClock,
    log,
    certificate,
  })
  parts.add('broker', () => live.close())
  const dispatch = await mountFunctions({ names, hostOf: (name) => hosts.of(name), hop })
  const gateway = await startGateway({ port: config.gatewayPort, dispatch, log })
  parts.add('gateway', (withinMs) => gateway.close(withinMs / 2))
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
