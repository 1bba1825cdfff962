import { hostname } from 'node:os'
import {
  bytes,
  choice,
  database,
  file,
  integer,
  names,
  port,
  ratio,
  text,
  url,
  type Kind,
} from './config-value.ts'

export interface Field<T> extends Kind<T> {
  readonly secret?: boolean
  /** Undefined: the setting may be absent. */
  readonly fallback?: () => T
}

const optional = <T>(kind: Kind<T>): Field<T | undefined> => ({ ...kind })
const required = <T>(kind: Kind<T>, fallback: T): Field<T> => ({
  ...kind,
  fallback: () => fallback,
})
const secret = <T>(kind: Kind<T>): Field<T | undefined> => ({ ...kind, secret: true })

const MIB = 2 ** 20

/** Every variable of the environment, how it is read and what holds without it. Policy lives in the database. */
export const FIELDS = {
  MUSTER_DATA: required(text('./.muster'), './.muster'),
  EDGE_HOST: required(text('::'), '::'),
  EDGE_PORT: required(port('8443'), 8443),
  MQTTS_PORT: required(port('8883'), 8883),
  GATEWAY_PORT: required(port('8080'), 8080),
  GATEWAY_URL: optional(url('http://gateway:8080', 'http', 'https')),
  PUBLIC_NAMES: optional(names(`${hostname()},localhost`)),
  EDGE_CERT_FILE: optional(file('/etc/muster/edge.pem')),
  EDGE_KEY_FILE: optional(file('/etc/muster/edge.key')),
  MQTT_PUBLIC_URL: optional(url('mqtts://mqtt.example.com:8883', 'mqtts')),
  DATABASE_URL: secret(database('postgres://muster@db:5432/muster')),
  DATABASE_DIRECT_URL: secret(database('postgres://muster@db:5432/muster')),
  DATABASE_POOL_CONNECTIONS: optional(integer(1, 100, '4')),
  MQTT_URL: secret(url('mqtts://broker:8884', 'mqtt', 'mqtts')),
  MQTT_BROKER: required(text('local'), 'local'),
  MQTT_CELLS_FILE: optional(file('/etc/muster/cells.yml')),
  MQTT_CA_FILE: optional(file('/etc/muster/broker-ca.pem')),
  MQTT_CERT_FILE: optional(file('/etc/muster/connector.pem')),
  MQTT_KEY_FILE: optional(file('/etc/muster/connector.key')),
  BROKER_MAX_CONNECTIONS: required(integer(1, 1_000_000, '125000'), 125_000),
  BROKER_MAX_QUEUED: required(integer(10, 1_000_000, '100000'), 100_000),
  BROKER_FOLDER: optional(text('/mosquitto/muster')),
  EDGE_FOLDER: optional(text('/etc/muster/edge')),
  EDGE_RUN: required(text('/run/muster'), '/run/muster'),
  CA_BACKEND: required(choice('builtin'), 'builtin'),
  S3_ENDPOINT: optional(url('https://s3.example.com', 'http', 'https')),
  S3_REGION: optional(text('us-east-1')),
  S3_BUCKET: required(text('muster'), 'muster'),
  S3_ACCESS_KEY: secret(text('muster')),
  S3_SECRET_KEY: secret(text('…')),
  FILES_URL: optional(url('https://muster.example.com:8443', 'https')),
  API_URL: optional(url('https://muster.example.com:8443', 'https')),
  MUSTER_PASSPHRASE_FILE: optional(file('/run/secrets/passphrase')),
  METRICS_PORT: required(port('8082'), 8082),
  OIDC_ISSUER: optional(url('https://login.example.com', 'http', 'https')),
  OIDC_AUDIENCE: optional(text('muster')),
  OIDC_SCOPE_CLAIM: required(text('scope'), 'scope'),
  LOG_LEVEL: required(choice('info', 'debug', 'trace', 'warn', 'error', 'fatal', 'silent'), 'info'),
  LOG_FORMAT: required(choice('auto', 'text', 'json'), 'auto'),
  SHADOW_MAX_BYTES: required(bytes('262144'), 262_144),
  ARTIFACT_MAX_BYTES: required(bytes('4 GiB'), 4096 * MIB),
  DISK_FREE_MIN_BYTES: required(bytes('512 MiB'), 512 * MIB),
  STOP_SECONDS: required(integer(1, 60, '5'), 5),
  EVENT_STREAM_SECONDS: optional(integer(1, 86_400, '25')),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(url('http://collector:4318', 'http', 'https')),
  OTEL_TRACES_SAMPLER_ARG: required(ratio('0.01'), 1),
} satisfies Record<string, Field<unknown>>

export type FieldName = keyof typeof FIELDS

/** Secrets that are read when they are needed, not with the configuration (`Host.secret`). */
export const LATER_SECRETS = [
  'CA_ISSUING_KEY',
  'CLAIM_CA_CERTIFICATE',
  'HOP_ROOT',
  'HOP_KEYS',
  'KEK',
  'AUDIT_KEY',
] as const

/** Names of the command, the suites and HAProxy's configuration, which no misspelling of ours must be taken for. */
export const FOREIGN =
  /^(MUSTER_(SERVER|CA|TOKEN|TOKEN_FILE|TOOLS|FUNCTION|CLI_[A-Z_]+|TEST[A-Z_]*|BENCH[A-Z_]*)|EDGE_(BIND|METRICS_BIND|CONNECTIONS)|FUNCTION_[A-Z_]+)$/
