import * as z from 'zod'
import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import {
  deleteEndpoint,
  endpointInUse,
  forgetCell,
  insertEndpoint,
  listEndpoints,
  readEndpoint,
  updateEndpoint,
  type EndpointRow,
} from './queries.ts'

/** Where devices reach a broker; `mqtt_url` follows from host and port where it is not said. */
export const EndpointHost = z.strictObject({
  host: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535),
  address: z.string().min(1).max(253).optional(),
  tls_name: z.string().min(1).max(253).optional(),
  mqtt_url: z.url({ protocol: /^mqtts$/ }).optional(),
})
export const EndpointHosts = z.array(EndpointHost).min(1).max(10)
export type EndpointHost = z.infer<typeof EndpointHost>

export interface Endpoint {
  readonly name: string
  readonly region: string | null
  /** The lowest one is what new devices get. */
  readonly priority: number
  readonly hosts: EndpointHost[]
}

function toEndpoint({ name, region, priority, hosts }: EndpointRow): Endpoint {
  const parsed = z.array(EndpointHost).safeParse(hosts)
  return { name, region, priority, hosts: parsed.success ? parsed.data : [] }
}

/** In order of their names. */
export async function pageEndpoints(
  db: Db,
  after: string | null,
  limit: number,
): Promise<Endpoint[]> {
  return (await db.rows(listEndpoints, [after, limit])).map(toEndpoint)
}

/** Throws endpoint.not_found. */
export async function findEndpoint(db: Db, name: string): Promise<Endpoint> {
  const row = await db.row(readEndpoint, [name])
  if (row === undefined) throw new DomainError('endpoint.not_found')
  return toEndpoint(row)
}

/** Throws endpoint.exists. */
export async function createEndpoint(
  tx: Db,
  acting: Acting,
  { name, region, priority, hosts }: Endpoint,
): Promise<Endpoint> {
  const row = await tx.row(insertEndpoint, [name, region, priority, JSON.stringify(hosts)])
  if (row === undefined) throw new DomainError('endpoint.exists')
  await audit(tx, { ...acting, verb: 'endpoint.create', target: name })
  return toEndpoint(row)
}

export interface EndpointChange {
  readonly region?: string | null | undefined
  readonly priority?: number | undefined
  readonly hosts?: readonly EndpointHost[] | undefined
}

/** Throws endpoint.not_found. */
export async function changeEndpoint(
  tx: Db,
  acting: Acting,
  name: string,
  change: EndpointChange,
): Promise<Endpoint> {
  const row = await tx.row(updateEndpoint, [
    name,
    change.region ?? null,
    change.region === null,
    change.priority ?? null,
    change.hosts === undefined ? null : JSON.stringify(change.hosts),
  ])
  if (row === undefined) throw new DomainError('endpoint.not_found')
  await audit(tx, { ...acting, verb: 'endpoint.change', target: name })
  return toEndpoint(row)
}

/** Forgets the broker too, with what still waits there. Throws endpoint.not_found, endpoint.in_use while a device belongs to it. */
export async function removeEndpoint(tx: Db, acting: Acting, name: string): Promise<void> {
  const use = await tx.row(endpointInUse, [name])
  if (use?.used === true) throw new DomainError('endpoint.in_use')
  const row = await tx.row(deleteEndpoint, [name])
  if (row === undefined) throw new DomainError('endpoint.not_found')
  await tx.rows(forgetCell, [name])
  await audit(tx, { ...acting, verb: 'endpoint.delete', target: name })
}
