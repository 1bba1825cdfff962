import * as z from 'zod'
import { isJsonObject, type JsonObject } from '../json.ts'

export interface SettingDefinition<T> {
  readonly schema: z.ZodType<T>
  /** What holds while the operator has said nothing. */
  readonly fallback: T
  /** One sentence for the list of settings. */
  readonly about: string
}

const setting = <T>(schema: z.ZodType<T>, fallback: T, about: string): SettingDefinition<T> => ({
  schema,
  fallback,
  about,
})

const PerSecond = z.number().positive().max(10_000_000)
const days = (least: number) => z.number().int().min(least).max(3650)
const Configuration: z.ZodType<JsonObject> = z.custom<JsonObject>(
  (value) => isJsonObject(value) && JSON.stringify(value).length <= 8192,
  'a JSON object of at most 8 KiB',
)

/** Policy that lives in the database, read live (interface.md §4). A setting has no second home. */
export const SETTINGS = {
  'rate.source': setting(PerSecond, 20, 'Enrolment requests a second from one address (IPv6: /64)'),
  'rate.failure': setting(PerSecond, 10 / 60, 'Failed enrolments a second from one address'),
  'rate.credential': setting(PerSecond, 50, 'Enrolments a second with one bootstrap credential'),
  'rate.token': setting(PerSecond, 50, 'API requests a second with one token'),
  'rate.device': setting(PerSecond, 20, 'HTTP requests a second of one device'),
  'edge.connection_rate': setting(
    PerSecond,
    20,
    'New connections a second from one address (IPv6: /64); five times as many at once',
  ),
  'edge.connections': setting(
    z.number().int().min(1).max(1_000_000),
    256,
    'Open connections from one address (IPv6: /64)',
  ),
  'edge.trusted_sources': setting(
    z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv6()])).max(100),
    [],
    'Addresses (IPv6 also as a /64) without these two limits: factories behind one',
  ),
  'retention.shadow_history_gib': setting(
    z.number().positive().max(1_000_000),
    50,
    'Size of the shadow history at which the oldest day is dropped early',
  ),
  'retention.operation_days': setting(days(1), 90, 'Days a finished operation is kept'),
  'retention.result_days': setting(days(1), 30, 'Days the results of an operation are kept'),
  'retention.action_days': setting(days(1), 365, 'Days an ended action is kept'),
  'retention.certificate_days': setting(days(1), 90, 'Days a certificate is kept after its end'),
  'expiry.alert_days': setting(
    z.array(z.number().int().min(1).max(365)).min(1).max(5),
    [30, 14, 7],
    'Days before its end at which a certificate is alerted about, once each',
  ),
  'rollout.approval': setting(
    z.boolean(),
    false,
    'Rollouts start only after a second person approved',
  ),
  'artifact.allow_unsigned': setting(
    z.boolean(),
    false,
    'Artifacts without a trusted signature are accepted',
  ),
  'enrollment.config': setting(
    Configuration,
    {},
    'First configuration of a device that has no desired state yet',
  ),
  'enrollment.approval': setting(
    z.boolean(),
    false,
    'Enrolments wait until an operator accepts them',
  ),
  'shadow.device_desired': setting(z.boolean(), false, 'Devices may write desired state'),
} satisfies Record<string, SettingDefinition<never> | SettingDefinition<unknown>>

export type SettingName = keyof typeof SETTINGS
export type Settings = {
  readonly [N in SettingName]: (typeof SETTINGS)[N] extends SettingDefinition<infer T> ? T : never
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}
