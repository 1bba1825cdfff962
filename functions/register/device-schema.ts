import * as z from 'zod'
import { DeviceId } from '../../shared/device-id.ts'
import { AnyJson, Time } from '../../shared/http/openapi.ts'

const Plain = z.string().regex(/^\P{Cc}*$/u, 'no control characters')

export const GroupName = z
  .string()
  .regex(/^(?!\d+$)[a-z0-9][a-z0-9.-]{0,62}$/, 'a-z, 0-9, dots and dashes, not digits alone')

export const EndpointName = Plain.max(64)

const Scalar = z.union([Plain.max(1024), z.number(), z.boolean()])
const AttributeValue = z.union([Scalar, z.array(Scalar).max(64)])
const AttributeKey = z.string().regex(/^[A-Za-z0-9_$][A-Za-z0-9_.$-]{0,127}$/, 'not a flat key')

export const Attributes = z.record(AttributeKey, AttributeValue)
/** RFC 7396: null takes a key away. */
export const AttributesChange = z.record(AttributeKey, AttributeValue.nullable())

export const DeviceSchema = z
  .object({
    device_id: z.string(),
    hardware_rev: z.string().nullable(),
    firmware_ver: z.string().nullable(),
    status: z.enum(['active', 'suspended', 'decommissioned']),
    connected: z.boolean(),
    last_seen: Time.nullable(),
    cert_serial: z.string().nullable(),
    cert_expires: Time.nullable(),
    provisioned_at: Time.nullable(),
    broker_endpoint: z.string().nullable(),
    groups: z.array(z.string()),
    attributes: z.record(z.string(), AnyJson),
    updated_at: Time,
  })
  .meta({ id: 'Device' })

export const NewDevice = z
  .strictObject({
    device_id: DeviceId,
    hardware_rev: Plain.max(64).optional(),
    broker_endpoint: EndpointName.optional(),
    groups: z.array(GroupName).max(50).optional(),
    attributes: Attributes.optional(),
    preauthorize: z.boolean().default(true).meta({
      description: 'Also lets it in: an allowlist entry for its id, unless there is one',
    }),
  })
  .meta({ id: 'NewDevice' })

export const DeviceChange = z
  .strictObject({
    hardware_rev: Plain.max(64).nullable().optional(),
    broker_endpoint: EndpointName.nullable().optional(),
    groups: z.array(GroupName).max(50).optional(),
    attributes: AttributesChange.optional(),
  })
  .meta({ id: 'DeviceChange' })

export const DeviceParam = z.object({ id: DeviceId })
