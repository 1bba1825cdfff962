// The connector as it runs where functions are called without a gateway, save that here each has a port of its own, not a name.
import { startConnector } from '../../infra/connector/start.ts'
import { readTriggers } from '../../infra/connector/triggers.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { createLogger } from '../../shared/log.ts'
import { metrics } from '../../shared/metrics.ts'

const { DATABASE_URL = '', MQTT_URL = '', HOP_ROOT = '', FUNCTION_PORTS = '' } = process.env
const ports = new Map(
  FUNCTION_PORTS.split(',').map((pair) => [pair.split('=', 1)[0], pair.split('=')[1]]),
)
const connector = await startConnector({
  db: openDatabase({
    url: DATABASE_URL,
    role: 'muster_connector',
    connections: 4,
    name: 'muster connector',
  }),
  directUrl: DATABASE_URL,
  // Ticks of functions that are not there find a port where nobody listens.
  urlOf: (name) => `http://127.0.0.1:${ports.get(name) ?? '1'}`,
  hop: { kid: 'k1', root: Buffer.from(HOP_ROOT, 'base64') },
  cells: [{ name: 'local', address: { url: MQTT_URL } }],
  triggers: await readTriggers(new URL('../../stack.yml', import.meta.url)),
  registry: metrics,
  log: createLogger('info'),
})
await connector.held
