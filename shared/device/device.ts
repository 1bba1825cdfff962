import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { DeviceRow, DeviceStatus } from './queries.ts'

/** A device as the registry knows it; what is unknown is null. */
export interface Device {
  readonly device_id: string
  readonly hardware_rev: string | null
  readonly firmware_ver: string | null
  readonly status: DeviceStatus
  readonly connected: boolean
  readonly last_seen: string | null
  readonly cert_serial: string | null
  readonly cert_expires: string | null
  readonly provisioned_at: string | null
  readonly broker_endpoint: string | null
  readonly groups: string[]
  readonly attributes: JsonObject
  readonly updated_at: string
}

const known = (text: string): string | null => (text === '' ? null : text)

/** The device out of its row; an attribute that several sources tell is the operator's. */
export function toDevice(row: DeviceRow): Device {
  return {
    device_id: row.device_id,
    hardware_rev: known(row.hardware_rev),
    firmware_ver: known(row.firmware_ver),
    status: row.status,
    connected: row.connected,
    last_seen: row.last_seen?.toISOString() ?? null,
    cert_serial: known(row.cert_serial),
    cert_expires: row.cert_expires === 'infinity' ? null : row.cert_expires,
    provisioned_at: row.provisioned_at?.toISOString() ?? null,
    broker_endpoint: known(row.broker_endpoint),
    groups: row.groups,
    attributes: mergedAttributes(row.attributes),
    updated_at: row.updated_at.toISOString(),
  }
}

/** Attributes of several documents, later ones before earlier ones. */
export function mergedAttributes(documents: readonly string[]): JsonObject {
  const merged = new Map<string, Json>()
  for (const document of documents) {
    for (const [key, value] of Object.entries(parseDocument(document))) merged.set(key, value)
  }
  return Object.fromEntries(merged)
}

export function parseDocument(document: string): JsonObject {
  const parsed: unknown = JSON.parse(document)
  return isJsonObject(parsed) ? parsed : {}
}

/** What a device's status may become. */
export const DEVICE_TRANSITIONS = {
  active: ['suspended', 'decommissioned'],
  suspended: ['active', 'decommissioned'],
  decommissioned: [],
} as const satisfies Record<DeviceStatus, readonly DeviceStatus[]>

/** From which statuses one may come to this one; staying is no change and no fault. */
export function statusesBefore(to: DeviceStatus): DeviceStatus[] {
  const all: readonly DeviceStatus[] = ['active', 'suspended', 'decommissioned']
  return all.filter((from) => {
    const next: readonly DeviceStatus[] = DEVICE_TRANSITIONS[from]
    return next.includes(to)
  })
}
