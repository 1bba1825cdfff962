/** A topic filter of the operator's own; `{id}` is the device's id. */
export interface OperatorTopic {
  readonly filter: string
  readonly device: 'publish' | 'subscribe' | 'both'
}

export interface MosquittoFiles {
  /** Root and issuing authorities of devices, those of the next rollovers too: the broker never reads it again. */
  readonly deviceCa: string
  /** CRLs of each of them. */
  readonly crl: string
  readonly serviceCa: string
  readonly serverCert: string
  readonly serverKey: string
  readonly deviceAcl: string
  readonly serviceAcl: string
  readonly pid: string
  /** Folder of the broker's own database. */
  readonly persistence: string
}

export interface MosquittoOptions {
  readonly devicePort: number
  readonly servicePort: number
  /** Address of the service listener: the cluster's, never the public one. */
  readonly serviceHost?: string
  readonly files: MosquittoFiles
  /** Connections of devices; messages that wait for one client. */
  readonly maxConnections: number
  readonly maxQueued: number
  /** The user it becomes when it is started as root. */
  readonly user?: string
}

/** Common names of Muster's own certificates on the service listener. */
export const CONNECTOR_NAME = 'connector'
export const AGENT_NAME = 'broker-agent'

const LIMITS = [
  'per_listener_settings true',
  // Without it a PUBACK waits up to 40 ms for company.
  'set_tcp_nodelay true',
  'max_inflight_messages 2000',
  // The default, 268 MB, lets one device fill the memory.
  'message_size_limit 4194304',
  'persistent_client_expiration 14d',
  'sys_interval 10',
] as const

// Presence, open deltas at subscribe and the agent's kicks all hang on these lines.
const LOGS = [
  'log_dest stderr',
  'log_dest topic',
  'log_type error',
  'log_type warning',
  'log_type notice',
  'log_type subscribe',
  'connection_messages true',
] as const

/** Mosquitto's configuration (2.0): a listener for devices, one for services, each with an authority of its own. */
export function mosquittoConf({
  devicePort,
  servicePort,
  serviceHost,
  files,
  user,
  maxConnections,
  maxQueued,
}: MosquittoOptions): string {
  const lines = [
    ...(user === undefined ? [] : [`user ${user}`]),
    ...LIMITS,
    // A full queue drops the newest and acknowledges it all the same, so it must not fill.
    `max_queued_messages ${maxQueued}`,
    ...LOGS,
    `pid_file ${files.pid}`,
    'persistence true',
    `persistence_location ${files.persistence.replace(/\/*$/, '/')}`,
    'autosave_interval 60',
    '',
    `listener ${devicePort}`,
    `max_connections ${maxConnections}`,
    ...tls(files, files.deviceCa, files.deviceAcl),
    // The common name is user and client id: no device takes another's session, whatever id it asks for.
    'use_username_as_clientid true',
    `crlfile ${files.crl}`,
    '',
    `listener ${servicePort}${serviceHost === undefined ? '' : ` ${serviceHost}`}`,
    // Client ids are free here: the agent throws a device off by taking its id.
    ...tls(files, files.serviceCa, files.serviceAcl),
    '',
  ]
  return lines.join('\n')
}

function tls(files: MosquittoFiles, ca: string, acl: string): string[] {
  return [
    'allow_anonymous false',
    `cafile ${ca}`,
    `certfile ${files.serverCert}`,
    `keyfile ${files.serverKey}`,
    'tls_version tlsv1.2',
    'require_certificate true',
    'use_identity_as_username true',
    `acl_file ${acl}`,
  ]
}

const SHADOWS = (root: string) => [`${root}/shadow`, `${root}/shadow/name/+`]
const VERBS = ['update', 'get', 'delete']
const NATIVE = 'devices/%u'
const AWS = '$aws/things/%u'

const WRITES = [
  ...[NATIVE, AWS].flatMap(SHADOWS).flatMap((shadow) => VERBS.map((verb) => `${shadow}/${verb}`)),
  ...['ota/status', 'ota/chunk/get', 'config/reported', 'status'].map((t) => `${NATIVE}/${t}`),
  ...['get', 'start-next', '+/get', '+/update'].map((verb) => `${AWS}/jobs/${verb}`),
]

// Named one by one: `devices/%u/#` would hand a device its own requests back.
const READS = [
  ...[NATIVE, AWS].flatMap(SHADOWS).flatMap((shadow) => VERBS.map((verb) => `${shadow}/${verb}/+`)),
  ...SHADOWS(NATIVE).flatMap((shadow) => [`${shadow}/delta`, `${shadow}/documents`]),
  ...['config/desired', 'ota/notify', 'ota/status/rejected', 'ota/chunk', 'cert/renew'].map(
    (t) => `${NATIVE}/${t}`,
  ),
  ...['notify', 'notify-next', 'get/+', 'start-next/+', '+/get/+', '+/update/+'].map(
    (verb) => `${AWS}/jobs/${verb}`,
  ),
]

const RIGHT = { publish: 'write', subscribe: 'read', both: 'readwrite' } as const

/** Rights of devices: each on its own topics, requests to write, all else of them to read. */
export function deviceAcl(topics: readonly OperatorTopic[]): string {
  const own = topics.map(
    ({ filter, device }) => `pattern ${RIGHT[device]} ${replaced(filter, '%u')}`,
  )
  return [
    ...WRITES.map((topic) => `pattern write ${topic}`),
    ...READS.map((topic) => `pattern read ${topic}`),
    ...own,
    '',
  ].join('\n')
}

/** Rights of services: Muster's two by name; every other one, such as the operator's application, on the operator's topics only. */
export function serviceAcl(topics: readonly OperatorTopic[]): string {
  return [
    `user ${CONNECTOR_NAME}`,
    ...['devices/#', '$aws/#', 'muster/#'].map((topic) => `topic readwrite ${topic}`),
    'topic read $SYS/#',
    '',
    `user ${AGENT_NAME}`,
    'topic read $SYS/broker/log/#',
    '',
    ...topics.map(({ filter }) => `pattern readwrite ${replaced(filter, '+')}`),
    '',
  ].join('\n')
}

/** The device's level of a filter, as an ACL says it. */
function replaced(filter: string, by: string): string {
  return filter
    .split('/')
    .map((level) => (level === '{id}' ? by : level))
    .join('/')
}
