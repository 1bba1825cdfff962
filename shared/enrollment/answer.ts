import * as z from 'zod'
import type { Database } from '../db/database.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { certificatePem } from '../pki/pem.ts'
import { readChain } from '../pki/read-authorities.ts'
import { readSettings } from '../setting/read.ts'
import { readPlace } from './answer-queries.ts'

const Host = z.object({
  host: z.string(),
  port: z.int(),
  address: z.string().optional(),
  tls_name: z.string().optional(),
  mqtt_url: z.string().optional(),
})
const Hosts = z.array(Host)

/** Where a device finds its broker. */
export interface Endpoint {
  readonly host: string
  readonly address: string
  readonly port: number
  readonly tls_name: string
  readonly mqtt_url: string
}

/** What a device gets with its certificate. */
export interface EnrollAnswer {
  readonly certificate: string
  readonly chain: string
  readonly endpoints: readonly Endpoint[]
  readonly config: JsonObject
  readonly config_version: number
}

export interface AnswerDeps {
  readonly db: Database
  /** Where the broker is while no endpoint was written down. */
  readonly mqttPublicUrl: string
}

/** The whole answer for a certificate: authorities below the root, broker, first configuration. */
export async function enrollAnswer(
  { db, mqttPublicUrl }: AnswerDeps,
  deviceId: string,
  der: Buffer,
): Promise<EnrollAnswer> {
  const [authorities, place, settings] = await Promise.all([
    readChain(db),
    db.row(readPlace, [deviceId]),
    readSettings(db),
  ])
  const desired: unknown = place?.desired ? JSON.parse(place.desired) : undefined
  return {
    certificate: certificatePem(der),
    chain: authorities
      .filter(({ subject, issuer }) => !subject.equals(issuer))
      .map((authority) => certificatePem(authority.der))
      .join(''),
    endpoints: endpoints(place?.hosts, mqttPublicUrl),
    config: isJsonObject(desired) ? desired : settings['enrollment.config'],
    config_version: Number(place?.version ?? 0n),
  }
}

function endpoints(hosts: unknown, fallback: string): Endpoint[] {
  const url = new URL(fallback)
  const given = Hosts.safeParse(hosts)
  const own = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || '8883') }
  const list: z.infer<typeof Host>[] = given.success && given.data.length > 0 ? given.data : [own]
  return list.map(({ host, port, address, tls_name, mqtt_url }) => ({
    host,
    address: address ?? host,
    port,
    tls_name: tls_name ?? host,
    mqtt_url: mqtt_url ?? `mqtts://${host.includes(':') ? `[${host}]` : host}:${port}`,
  }))
}
