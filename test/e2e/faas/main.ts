// Muster with its functions behind a gateway: OpenFaaS' own (OPENFAAS_URL), else the stand-in with each bundle as a process. The Node
// edge is in this process, the connector beside it; database, broker and store are given by their URLs. Says "Ready in" like `npm start`.
import { readFile } from 'node:fs/promises'
import { loadConfig } from '../../../shared/config.ts'
import { systemClock } from '../../../shared/clock.ts'
import { openDatabase } from '../../../shared/db/database.ts'
import { functionUrl } from '../../../shared/function-url.ts'
import { createRouter, readRoute } from '../../../shared/http/route.ts'
import { ROUTES } from '../../../shared/http/route-table.ts'
import { createLogger } from '../../../shared/log.ts'
import { enterAuthorities } from '../../../infra/embedded/start/authority.ts'
import {
  openDataDirectory,
  readVersion,
  type DataDirectory,
} from '../../../infra/embedded/start/data-directory.ts'
import { startDatabase } from '../../../infra/embedded/start/database.ts'
import { saveOwnEndpoint } from '../../../infra/embedded/start/endpoint.ts'
import { keepOperatorToken, writeCliFile } from '../../../infra/embedded/start/operator-token.ts'
import { makeSecrets } from '../../../infra/embedded/start/secrets.ts'
import { serverCertificate } from '../../../infra/embedded/start/server-certificate.ts'
import { untilAsked } from '../../../infra/embedded/start/signals.ts'
import { forwardFunctions } from '../../../infra/gateway/forward.ts'
import { startLiveEdge } from '../../../infra/gateway/live-edge.ts'
import { roleOf } from '../../../infra/migrations/grants.ts'
import { startGatewayStandIn } from '../../support/gateway-stand-in/server.ts'
import { freePorts } from '../../support/ports.ts'
import { startProcess } from '../../support/processes.ts'
import { Replicas } from '../../support/replicas.ts'
import { until } from '../../support/until.ts'
import { deployFunctions, removeFunctions, type DeployOptions } from './deploy.ts'

/** What a device's life asks much of has several replicas behind the stand-in. */
const SEVERAL = new Set(['enroll', 'pki', 'register', 'shadow-update', 'compute-delta', 'ota'])
/** Only these have the store's keys. */
const STORES = new Set(['ota', 'ota-report'])
const SLOTS = 4

const stack = new AsyncDisposableStack()
const began = performance.now()
const asked = untilAsked()
const config = loadConfig({ env: process.env, embedded: true })
const log = createLogger(config.logLevel)
const now = () => systemClock.now()

async function prepare(data: DataDirectory) {
  await makeSecrets(data, now(), undefined)
  const { owner } = await startDatabase(config, data, log)
  await data.noteStart()
  await enterAuthorities(owner, data, undefined)
  const names = config.publicNames
  const certificate = () => serverCertificate(data, { names, now: now(), passphrase: undefined })
  await certificate()
  await keepOperatorToken(owner, data, now())
  await writeCliFile(data, config.apiUrl)
  await saveOwnEndpoint(owner, config)
  await owner.close()
  return certificate
}

/** What a function knows of its surroundings besides the stack file. */
function environmentOf(name: string, inner: string): Record<string, string> {
  const { publicNames, apiUrl, mqttPublicUrl, s3Endpoint, s3Bucket, logLevel } = config
  return {
    GATEWAY_URL: inner,
    PUBLIC_NAMES: publicNames.join(','),
    API_URL: apiUrl,
    MQTT_PUBLIC_URL: mqttPublicUrl,
    LOG_LEVEL: logLevel,
    ...(s3Endpoint && STORES.has(name) && { S3_ENDPOINT: s3Endpoint, S3_BUCKET: s3Bucket }),
  }
}

/** The gateway's URL, after all functions are deployed there. */
async function deploy(data: DataDirectory, hopRoot: Buffer): Promise<string> {
  const { OPENFAAS_URL: given, OPENFAAS_INNER_URL, OPENFAAS_USER = 'admin' } = process.env
  const { OPENFAAS_PASSWORD: password, OPENFAAS_IMAGE_PREFIX: imagePrefix = '' } = process.env
  let url = given
  if (url === undefined) {
    const provider = stack.use(new Replicas({ folder: data.file('openfaas-secrets') }))
    const credentials = { user: 'admin', password: password ?? '' }
    const gateway = stack.use(await startGatewayStandIn({ provider, credentials }))
    url = gateway.url
  }
  const options: DeployOptions = {
    url,
    credentials: { user: OPENFAAS_USER, password: password ?? '' },
    imagePrefix,
    config,
    hopRoot,
    secret: (name) => readFile(data.file('secrets', name), 'utf8'),
    env: (name) => environmentOf(name, OPENFAAS_INNER_URL ?? url),
    replicas: (name) => (given === undefined ? (SEVERAL.has(name) ? 2 : 1) : undefined),
  }
  const names = await deployFunctions(options)
  // On a gateway of somebody else's they would stay.
  if (given !== undefined) stack.defer(() => removeFunctions(options, names))
  return url
}

async function startConnector(url: string, hopRoot: Buffer): Promise<void> {
  const [port = 0] = await freePorts(1)
  const files = {
    MQTT_CA_FILE: config.mqttCaFile,
    MQTT_CERT_FILE: config.mqttCertFile,
    MQTT_KEY_FILE: config.mqttKeyFile,
  }
  const given = Object.entries(files).flatMap(([name, file]) => (file ? [[name, file]] : []))
  const running = startProcess('infra/connector/main.ts', {
    DATABASE_URL: config.databaseUrl ?? '',
    MQTT_URL: config.mqttUrl ?? '',
    GATEWAY_URL: url,
    HOP_ROOT: hopRoot.toString('base64'),
    METRICS_PORT: String(port),
    ...Object.fromEntries(given),
  })
  stack.defer(async () => void (await running.kill('SIGTERM')))
  const held = () => running.lines.filter((line) => line.includes('"slot held"')).length >= SLOTS
  await until('all slots held', held, 30)
}

async function main(): Promise<void> {
  const { dataDirectory, diskFreeMinBytes, edgeHost: host, edgePort: port } = config
  const data = await openDataDirectory(dataDirectory, await readVersion(), diskFreeMinBytes)
  stack.defer(() => data.release(now()))
  const certificate = await prepare(data)
  const hopRoot = Buffer.from(await readFile(data.file('secrets', 'hop-root'), 'utf8'), 'base64')
  const url = await deploy(data, hopRoot)
  const forward = forwardFunctions({ urlOf: (name) => functionUrl(url, name) })
  stack.defer(() => forward.close())
  const db = openDatabase({ url: config.databaseUrl ?? '', role: roleOf('edge'), connections: 2 })
  stack.defer(() => db.close())
  const edge = await startLiveEdge({
    host,
    port,
    certificate,
    hop: { kid: 'k1', root: hopRoot },
    route: createRouter(ROUTES.map(readRoute)),
    dispatch: forward,
    now,
    log,
    db,
    authorities: [await readFile(data.file('secrets', 'claim-ca-certificate'), 'utf8')],
  })
  stack.defer(() => edge.close(500))
  await startConnector(url, hopRoot)
  process.stdout.write(`Ready in ${((performance.now() - began) / 1000).toFixed(1)} s\n`)
  await asked
}

try {
  // Asked to stop before all is up, it stops too.
  await Promise.race([main(), asked])
} finally {
  await stack.disposeAsync()
}
process.exit(0)
