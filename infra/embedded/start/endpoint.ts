import { isIP } from 'node:net'
import type { Config } from '../../../shared/config.ts'
import type { Database } from '../../../shared/db/database.ts'
import { saveEndpoint } from './queries.ts'

/** Tells devices where the broker is: name, and address where the operator named one. */
export async function saveOwnEndpoint(db: Database, config: Config): Promise<void> {
  const { hostname, port } = new URL(config.mqttPublicUrl)
  const host = hostname.replace(/^\[|\]$/g, '')
  const address = config.publicNames.find((name) => isIP(name)) ?? null
  const entry = {
    host,
    address,
    port: port === '' ? 8883 : Number(port),
    tls_name: host,
    mqtt_url: config.mqttPublicUrl,
  }
  await db.rows(saveEndpoint, [config.mqttBroker, JSON.stringify([entry])])
}
