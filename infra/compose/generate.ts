// Writes infra/compose/compose.yaml: the whole of Muster on one host. Its services are the functions of stack.yml and what serves them.
import { readFileSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { readPlans, type FunctionPlan } from '../kubernetes/plan.ts'

const ROOT = new URL('../../', import.meta.url)
export const COMPOSE_FILE = new URL('compose.yaml', import.meta.url)

const NODE = '/usr/bin/node'
const SECRETS = '/var/openfaas/secrets'
const BROKER = '/var/lib/muster/broker'
const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('package.json', ROOT), 'utf8'),
)
const image = (name: string) => `docker.io/muster/${name}:${version}`
const part = (name: string, at: string, right = 'ro') => `./data/parts/${name}:${at}:${right}`

/** Asks within the container; images have neither shell nor curl. */
const healthcheck = (script: string) => ({
  test: ['CMD', NODE, '-e', script],
  interval: '15s',
  timeout: '5s',
  retries: 3,
  start_period: '20s',
})
const asks = (port: number, target: string) =>
  `fetch('http://127.0.0.1:${port}${target}').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`
const connects = (port: number) =>
  `require('net').connect(${port}, '127.0.0.1', () => process.exit(0)).on('error', () => process.exit(1))`

/** What every service of ours has. */
const guarded = {
  read_only: true,
  tmpfs: ['/tmp'],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  pids_limit: 200,
  logging: { driver: 'json-file', options: { 'max-size': '20m', 'max-file': '5' } },
}
const lasting = { ...guarded, restart: 'unless-stopped' }
const NAMES =
  '${PUBLIC_NAMES:?the names by which devices reach this host, such as muster.example.com}'
const common = {
  PUBLIC_NAMES: NAMES,
  LOG_LEVEL: '${LOG_LEVEL:-info}',
  GATEWAY_URL: 'http://{function}:8080',
}
const OBJECTS = '/var/lib/muster/data'

function functionService({ name, secrets, memory, reaches }: FunctionPlan): object {
  const stores = secrets.includes('s3-access-key')
  return {
    ...lasting,
    image: image(name),
    entrypoint: [NODE, 'index.mjs'],
    mem_limit: memory.limit.replace('Mi', 'm'),
    environment: {
      ...common,
      PORT: '8080',
      healthcheck_interval: '2s',
      ...(stores && { MUSTER_DATA: OBJECTS }),
    },
    volumes: [part(name, SECRETS), ...(stores ? [part('objects', OBJECTS, 'rw')] : [])],
    // Webhooks, and the keys of an OpenID Connect issuer, are elsewhere.
    networks: reaches.outside ? ['inside', 'outside'] : ['inside'],
    depends_on: { database: { condition: 'service_completed_successfully' } },
    healthcheck: healthcheck(asks(8080, '/ready')),
    stop_grace_period: '20s',
  }
}

const setup = (command: readonly string[]) => ({
  ...guarded,
  image: image('tools'),
  command: ['setup.mjs', ...command],
  user: '0:0',
  // It gives each part's files to that part's user.
  cap_add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
  restart: 'on-failure:5',
  mem_limit: '256m',
  volumes: ['./data:/data'],
  // A job: whether it ended well is what others wait for.
  healthcheck: { disable: true },
})

const broker = {
  ...lasting,
  image: image('broker'),
  mem_limit: '512m',
  environment: {
    DATABASE_URL_FILE: `${BROKER}/database-url`,
    MQTT_URL: 'mqtts://broker:8884',
    MQTT_CA_FILE: `${BROKER}/server-ca.pem`,
    MQTT_CERT_FILE: `${BROKER}/broker-agent.pem`,
    MQTT_KEY_FILE: `${BROKER}/broker-agent.key`,
  },
  volumes: [part('broker', BROKER, 'rw')],
  ports: ['8883:8883'],
  networks: ['inside', 'outside'],
  depends_on: { database: { condition: 'service_completed_successfully' } },
  healthcheck: healthcheck(connects(8884)),
}

const connector = {
  ...lasting,
  image: image('connector'),
  mem_limit: '384m',
  environment: {
    ...common,
    MQTT_URL: 'mqtts://broker:8884',
    MQTT_CA_FILE: `${SECRETS}/server-ca.pem`,
    MQTT_CERT_FILE: `${SECRETS}/connector.pem`,
    MQTT_KEY_FILE: `${SECRETS}/connector.key`,
  },
  volumes: [part('connector', SECRETS)],
  networks: ['inside'],
  depends_on: { database: { condition: 'service_completed_successfully' } },
  healthcheck: healthcheck(asks(8082, '/metrics')),
  stop_grace_period: '10s',
}

const edge = (plans: readonly FunctionPlan[]) => ({
  ...lasting,
  image: image('edge'),
  mem_limit: '384m',
  tmpfs: ['/tmp', '/var/lib/muster/edge:uid=1000,gid=1000,mode=0700'],
  environment: {
    EDGE_CERT_FILE: `${SECRETS}/server.pem`,
    EDGE_KEY_FILE: `${SECRETS}/server.key`,
    EDGE_BIND: '0.0.0.0:8443',
    EDGE_CONNECTIONS: '2000',
    DIRECT: '1',
    // Docker's own name server: a function that was made anew is found at its new address.
    RESOLVER: '127.0.0.11:53',
    ...Object.fromEntries(
      plans
        .filter(({ callers }) => callers.includes('edge'))
        .map(({ name }) => [`FUNCTION_${name.toUpperCase().replaceAll('-', '_')}`, `${name}:8080`]),
    ),
  },
  ulimits: { nofile: 16_384 },
  volumes: [part('edge', SECRETS)],
  ports: ['8443:8443'],
  networks: ['inside', 'outside'],
  depends_on: { database: { condition: 'service_completed_successfully' } },
  healthcheck: healthcheck(asks(8404, '/ready')),
})

const postgres = {
  ...lasting,
  image: 'docker.io/library/postgres:18',
  mem_limit: '2g',
  shm_size: '256m',
  tmpfs: ['/tmp', '/run/postgresql'],
  // Its start gives the folder to its own user and then becomes that one.
  cap_add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'],
  environment: {
    POSTGRES_USER: 'muster',
    POSTGRES_DB: 'muster',
    POSTGRES_PASSWORD_FILE: '/run/muster/password',
  },
  volumes: ['postgres:/var/lib/postgresql', part('postgres', '/run/muster')],
  networks: ['inside'],
  depends_on: { secrets: { condition: 'service_completed_successfully' } },
  healthcheck: {
    test: ['CMD', 'pg_isready', '-U', 'muster', '-d', 'muster', '-h', '127.0.0.1'],
    interval: '5s',
    timeout: '5s',
    retries: 12,
    start_period: '30s',
  },
  stop_grace_period: '60s',
}

/** The compose file as it is committed. */
export async function composeText(): Promise<string> {
  const plans = await readPlans(ROOT)
  const project = {
    name: 'muster',
    services: {
      secrets: {
        ...setup(['secrets', '--parts', '/data/parts']),
        environment: { MUSTER_DATA: '/data/keys', PUBLIC_NAMES: NAMES },
        networks: ['inside'],
      },
      postgres,
      database: {
        ...setup(['database']),
        environment: {
          MUSTER_DATA: '/data/keys',
          PUBLIC_NAMES: NAMES,
          DATABASE_URL_FILE: '/data/parts/setup/database-url',
        },
        networks: ['inside'],
        depends_on: { postgres: { condition: 'service_healthy' } },
      },
      broker,
      ...Object.fromEntries(plans.map((plan) => [plan.name, functionService(plan)])),
      connector,
      edge: edge(plans),
    },
    networks: { inside: { internal: true }, outside: {} },
    volumes: { postgres: {} },
  }
  const head = '# Written by infra/compose/generate.ts (npx node infra/compose/generate.ts).\n'
  return head + stringify(project, { aliasDuplicateObjects: false, lineWidth: 0 })
}

if (import.meta.main) writeFileSync(COMPOSE_FILE, await composeText())
