import { hostname } from 'node:os'
import path from 'node:path'
import { FIELDS, FOREIGN, LATER_SECRETS, type Field, type FieldName } from './config-fields.ts'
import { nearest } from './nearest.ts'
import { readSecret, SecretFault, type Environment } from './secret.ts'

/** Places, secrets and limits of one process, read once. Policy is in the database, live. */
export interface Config {
  readonly dataDirectory: string
  readonly edgeHost: string
  readonly edgePort: number
  readonly mqttsPort: number
  readonly gatewayPort: number
  readonly gatewayUrl: string
  /** Names and addresses that the server's certificate says. */
  readonly publicNames: readonly string[]
  readonly edgeCertFile: string | undefined
  readonly edgeKeyFile: string | undefined
  readonly mqttPublicUrl: string
  readonly databaseUrl: string | undefined
  readonly databaseDirectUrl: string | undefined
  readonly databasePoolConnections: number | undefined
  readonly mqttUrl: string | undefined
  /** Name of the broker among the endpoints (`muster endpoint list`); connector and agent. */
  readonly mqttBroker: string
  readonly mqttCellsFile: string | undefined
  readonly mqttCaFile: string | undefined
  readonly mqttCertFile: string | undefined
  readonly mqttKeyFile: string | undefined
  /** Of one broker: connections of devices, and messages that wait for one client. */
  readonly brokerMaxConnections: number
  readonly brokerMaxQueued: number
  /** Folder of the broker's files, which the broker agent keeps. */
  readonly brokerFolder: string | undefined
  /** Folder of HAProxy's files, which the edge agent keeps. */
  readonly edgeFolder: string | undefined
  /** Folder of HAProxy's sockets. */
  readonly edgeRun: string
  readonly caBackend: 'builtin'
  readonly s3Endpoint: string | undefined
  readonly s3Region: string | undefined
  readonly s3Bucket: string
  readonly s3AccessKey: string | undefined
  readonly s3SecretKey: string | undefined
  /** What devices and operators reach the API by, without a path: `https://localhost:8443`. */
  readonly apiUrl: string
  /** The edge that passes `/files/` to the store: devices are sent there for firmware. */
  readonly filesUrl: string | undefined
  readonly passphraseFile: string | undefined
  readonly metricsPort: number
  readonly oidcIssuer: string | undefined
  readonly oidcAudience: string | undefined
  readonly oidcScopeClaim: string
  readonly logLevel: string
  readonly logFormat: 'auto' | 'text' | 'json'
  readonly shadowMaxBytes: number
  readonly artifactMaxBytes: number
  readonly diskFreeMinBytes: number
  readonly stopSeconds: number
  readonly eventStreamSeconds: number
  /** Collector of traces; without it there are none. */
  readonly tracesEndpoint: string | undefined
  /** Share of the traces that are recorded, of those that begin here. */
  readonly tracesRatio: number
}

export interface ConfigSource {
  readonly env: Environment
  /** Values of the command line, by the variable's name; they win over the environment. */
  readonly options?: Readonly<Partial<Record<FieldName, string>>>
  readonly functionName?: string
  /** Folder of mounted secrets, where it is not OpenFaaS' own. */
  readonly secretFolder?: string
  /** Whether everything runs in one process (`npm start`). */
  readonly embedded?: boolean
}

/** One line of the report: the setting as it was given, and what is wrong with it. */
export interface ConfigFault {
  readonly shown: string
  readonly problem: string
}

/** All faults of a configuration, together. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const width = Math.max(...faults.map((fault) => fault.shown.length))
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    const lines = faults.map((fault) => `  ${fault.shown.padEnd(width)}  ${fault.problem}`)
    super([`${count} in the configuration, nothing was started`, ...lines].join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

type Values = { [N in FieldName]: (typeof FIELDS)[N] extends Field<infer T> ? T : never }

const kebab = (name: string): string => name.toLowerCase().replaceAll('_', '-')
const isField = (name: string): name is FieldName => Object.hasOwn(FIELDS, name)

/** The option of a setting on the command line; secrets have none, since `ps` shows it. */
export function optionName(name: FieldName): string {
  return name === 'MUSTER_DATA' ? 'data' : kebab(name)
}

/** Settings that the command line may give. */
export function optionFields(): FieldName[] {
  return Object.keys(FIELDS)
    .filter(isField)
    .filter((name) => !isSecret(FIELDS[name]))
}

function isSecret(field: Field<unknown>): boolean {
  return field.secret === true
}

/** The text of a setting and whether it may be shown. */
function given(name: FieldName, source: ConfigSource): string | undefined {
  if (!isSecret(FIELDS[name])) return source.options?.[name] ?? source.env[name]
  const { env, functionName, secretFolder: folder } = source
  return readSecret(kebab(name), { env, functionName, folder })?.toString('utf8')
}

function readField(name: FieldName, source: ConfigSource, faults: ConfigFault[]): unknown {
  const field: Field<unknown> = FIELDS[name]
  const hidden = isSecret(field)
  try {
    const text = given(name, source)
    if (text === undefined) return field.fallback?.()
    const parsed = field.parse(text)
    if ('value' in parsed) return parsed.value
    const example = hidden ? field.example : `${name}=${field.example}`
    const note = hidden ? `${parsed.fault} (value not shown)` : parsed.fault
    faults.push({ shown: hidden ? name : `${name}=${text}`, problem: `${note}; e.g. ${example}` })
  } catch (error) {
    if (!(error instanceof SecretFault)) throw error
    faults.push({ shown: name, problem: error.message })
  }
  return undefined
}

/** Names close to ours that are not: set by mistake, and without effect. */
function misspelt(env: Environment): ConfigFault[] {
  const known = [...Object.keys(FIELDS), ...LATER_SECRETS]
  const secrets = Object.keys(FIELDS).filter((name) => isField(name) && isSecret(FIELDS[name]))
  const files = [...secrets, ...LATER_SECRETS].map((name) => `${name}_FILE`)
  const all = new Set([...known, ...files])
  const faults: ConfigFault[] = []
  for (const name of Object.keys(env)) {
    if (all.has(name) || FOREIGN.test(name) || /^HOP_KEYS_|^DATABASE_URL_/.test(name)) continue
    const near = name.length < 8 ? undefined : nearest(name, [...all])
    if (near !== undefined) faults.push({ shown: name, problem: `unknown; did you mean ${near}?` })
    else if (name.startsWith('MUSTER_')) faults.push({ shown: name, problem: 'unknown' })
  }
  return faults
}

/** Settings that stand and fall together. */
function torn(values: Values): ConfigFault[] {
  const faults: ConfigFault[] = []
  const needs = (name: FieldName, other: FieldName) => {
    if (values[name] !== undefined && values[other] === undefined)
      faults.push({ shown: other, problem: `missing; ${name} needs it` })
  }
  needs('EDGE_CERT_FILE', 'EDGE_KEY_FILE')
  needs('EDGE_KEY_FILE', 'EDGE_CERT_FILE')
  needs('MQTT_CERT_FILE', 'MQTT_KEY_FILE')
  needs('MQTT_KEY_FILE', 'MQTT_CERT_FILE')
  needs('S3_ENDPOINT', 'S3_ACCESS_KEY')
  needs('S3_ENDPOINT', 'S3_SECRET_KEY')
  needs('OIDC_ISSUER', 'OIDC_AUDIENCE')
  return faults
}

/** Ports of one process must differ; only the embedded start opens all three. */
function clashes(values: Values): ConfigFault[] {
  const ports = ['EDGE_PORT', 'MQTTS_PORT', 'GATEWAY_PORT'] as const
  return ports.flatMap((name, index) => {
    const other = ports.slice(0, index).find((each) => values[each] === values[name])
    const shown = `${name}=${values[name]}`
    return other === undefined ? [] : [{ shown, problem: `the port of ${other}` }]
  })
}

/** The name in URLs: the first of the operator's, else localhost, which always leads to this machine. */
function authority(names: readonly string[] | undefined, portNumber: number): string {
  const name = names?.[0] ?? 'localhost'
  return `${name.includes(':') ? `[${name}]` : name}:${portNumber}`
}

function brokerShape(v: Values) {
  return {
    mqttUrl: v.MQTT_URL,
    mqttBroker: v.MQTT_BROKER,
    mqttCellsFile: v.MQTT_CELLS_FILE,
    mqttCaFile: v.MQTT_CA_FILE,
    mqttCertFile: v.MQTT_CERT_FILE,
    mqttKeyFile: v.MQTT_KEY_FILE,
    brokerMaxConnections: v.BROKER_MAX_CONNECTIONS,
    brokerMaxQueued: v.BROKER_MAX_QUEUED,
  }
}

function storeShape(v: Values) {
  return {
    s3Endpoint: v.S3_ENDPOINT,
    s3Region: v.S3_REGION,
    s3Bucket: v.S3_BUCKET,
    s3AccessKey: v.S3_ACCESS_KEY,
    s3SecretKey: v.S3_SECRET_KEY,
    filesUrl: v.FILES_URL,
  }
}

function shape(v: Values, embedded: boolean): Config {
  return {
    dataDirectory: path.resolve(v.MUSTER_DATA),
    edgeHost: v.EDGE_HOST,
    edgePort: v.EDGE_PORT,
    mqttsPort: v.MQTTS_PORT,
    gatewayPort: v.GATEWAY_PORT,
    gatewayUrl: v.GATEWAY_URL ?? `http://127.0.0.1:${v.GATEWAY_PORT}`,
    publicNames: v.PUBLIC_NAMES ?? [...new Set([hostname(), 'localhost'])],
    edgeCertFile: v.EDGE_CERT_FILE,
    edgeKeyFile: v.EDGE_KEY_FILE,
    mqttPublicUrl: v.MQTT_PUBLIC_URL ?? `mqtts://${authority(v.PUBLIC_NAMES, v.MQTTS_PORT)}`,
    databaseUrl: v.DATABASE_URL,
    databaseDirectUrl: v.DATABASE_DIRECT_URL ?? v.DATABASE_URL,
    databasePoolConnections: v.DATABASE_POOL_CONNECTIONS,
    ...brokerShape(v),
    brokerFolder: v.BROKER_FOLDER,
    edgeFolder: v.EDGE_FOLDER,
    edgeRun: v.EDGE_RUN,
    caBackend: v.CA_BACKEND,
    ...storeShape(v),
    apiUrl: v.API_URL ?? `https://${authority(v.PUBLIC_NAMES, v.EDGE_PORT)}`,
    passphraseFile: v.MUSTER_PASSPHRASE_FILE,
    metricsPort: v.METRICS_PORT,
    oidcIssuer: v.OIDC_ISSUER,
    oidcAudience: v.OIDC_AUDIENCE,
    oidcScopeClaim: v.OIDC_SCOPE_CLAIM,
    logLevel: v.LOG_LEVEL,
    logFormat: v.LOG_FORMAT,
    shadowMaxBytes: v.SHADOW_MAX_BYTES,
    artifactMaxBytes: v.ARTIFACT_MAX_BYTES,
    diskFreeMinBytes: v.DISK_FREE_MIN_BYTES,
    stopSeconds: v.STOP_SECONDS,
    eventStreamSeconds: v.EVENT_STREAM_SECONDS ?? (embedded ? 3600 : 25),
    tracesEndpoint: v.OTEL_EXPORTER_OTLP_ENDPOINT,
    tracesRatio: v.OTEL_TRACES_SAMPLER_ARG,
  }
}

/**
 * Reads the configuration: option, else environment, else default.
 * @throws {ConfigError} with every fault at once
 */
export function loadConfig(source: ConfigSource): Config {
  const faults: ConfigFault[] = []
  const entries = Object.keys(FIELDS)
    .filter(isField)
    .map((name) => [name, readField(name, source, faults)] as const)
  // Each value has been read by the parser of its own name; where one has not, a fault stands and nothing is returned.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const values = Object.fromEntries(entries) as Values
  faults.push(...misspelt(source.env))
  if (faults.length === 0) {
    faults.push(...torn(values), ...(source.embedded === true ? clashes(values) : []))
  }
  if (faults.length > 0) throw new ConfigError(faults)
  return shape(values, source.embedded === true)
}
