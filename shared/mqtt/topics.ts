// Topics of the native dialect, read by position: a shadow may be called `update`.
import { deviceId, type DeviceId } from '../device-id.ts'

export const SLOT_CLASSES = ['shadow', 'ota', 'enroll', 'presence'] as const

/** What must keep order is in one class; a slow one blocks no other. */
export type SlotClass = (typeof SLOT_CLASSES)[number]

export type ShadowVerb = 'update' | 'get' | 'delete'

/** What a topic of the native dialect asks for. */
export type NativeTopic =
  | {
      readonly kind: 'shadow'
      readonly deviceId: DeviceId
      readonly shadow: string
      readonly verb: ShadowVerb
    }
  | { readonly kind: 'config_reported'; readonly deviceId: DeviceId }
  | { readonly kind: 'status'; readonly deviceId: DeviceId }
  | { readonly kind: 'ota_status'; readonly deviceId: DeviceId }
  | { readonly kind: 'ota_chunk'; readonly deviceId: DeviceId }
  | { readonly kind: 'bell'; readonly deviceId: DeviceId }

/**
 * Reads a topic that devices (or the connector's bells) send to. The shadow's name is as sent, '' for the classic one: whether it is a
 * good one the domain says, since a bad one is refused on a topic that holds it.
 */
export function parseTopic(topic: string): NativeTopic | undefined {
  const levels = topic.split('/')
  const [root, second = '', third, ...rest] = levels
  if (root === 'muster') {
    const id = levels.length === 3 && second === 'bell' ? deviceId(third ?? '') : undefined
    return id && { kind: 'bell', deviceId: id }
  }
  const id = root === 'devices' ? deviceId(second) : undefined
  if (id === undefined) return undefined
  if (third === 'shadow') return shadowTopicOf(id, rest)
  const kind = KINDS.get([third, ...rest].join('/'))
  return kind && { kind, deviceId: id }
}

const KINDS = new Map([
  ['config/reported', 'config_reported'],
  ['status', 'status'],
  ['ota/status', 'ota_status'],
  ['ota/chunk/get', 'ota_chunk'],
] as const satisfies [string, NativeTopic['kind']][]) as ReadonlyMap<
  string,
  'config_reported' | 'status' | 'ota_status' | 'ota_chunk'
>

function shadowTopicOf(id: DeviceId, rest: readonly string[]): NativeTopic | undefined {
  const named = rest.length === 3 && rest[0] === 'name'
  const [shadow = '', verb] = named ? rest.slice(1) : ['', rest[0]]
  if (!named && rest.length !== 1) return undefined
  if (verb !== 'update' && verb !== 'get' && verb !== 'delete') return undefined
  return named && shadow === '' ? undefined : { kind: 'shadow', deviceId: id, shadow, verb }
}

/** What Muster publishes about a shadow. */
export type ShadowNotice = `${ShadowVerb}/${'accepted' | 'rejected'}` | 'delta' | 'documents'

/** The topic of a notice about a device's shadow, '' being the classic one. */
export function shadowTopic(id: DeviceId, shadow: string, notice: ShadowNotice): string {
  return shadow === ''
    ? `devices/${id}/shadow/${notice}`
    : `devices/${id}/shadow/name/${shadow}/${notice}`
}

export const configDesiredTopic = (id: DeviceId): string => `devices/${id}/config/desired`
export const otaNotifyTopic = (id: DeviceId): string => `devices/${id}/ota/notify`
export const otaChunkTopic = (id: DeviceId): string => `devices/${id}/ota/chunk`
export const otaStatusRejectedTopic = (id: DeviceId): string => `devices/${id}/ota/status/rejected`
export const certRenewTopic = (id: DeviceId): string => `devices/${id}/cert/renew`

/** The item by which the connector asks compute-delta to look at a device. */
export const bellTopic = (id: DeviceId): string => `muster/bell/${id}`
/** Will of a slot's holder: standbys that hear it claim at once. */
export const goneTopic = (slot: number): string => `muster/${slot}/gone`
/** Retained, with the database's time: whether a broker forgot what it held. */
export const markTopic = (slot: number): string => `muster/${slot}/mark`

/** The class of each function that is called for messages. */
export const FUNCTION_CLASSES = {
  'shadow-update': 'shadow',
  'compute-delta': 'shadow',
  'ota-report': 'ota',
  enroll: 'enroll',
  register: 'presence',
} as const satisfies Record<string, SlotClass>

/** The class of a function, undefined for one that takes no messages. */
export function classOfFunction(name: string): SlotClass | undefined {
  return Object.entries(FUNCTION_CLASSES).find(([known]) => known === name)?.[1]
}

/** The class in whose session a topic is received. */
export function classOfTopic(topic: string): SlotClass | undefined {
  switch (parseTopic(topic)?.kind) {
    case 'shadow':
    case 'config_reported':
    case 'bell':
      return 'shadow'
    case 'ota_status':
    case 'ota_chunk':
      return 'ota'
    case 'status':
      return 'presence'
    case undefined:
      return undefined
  }
}

/** The device that a topic speaks of, by position, in any dialect: the lane of a message. */
export function deviceOfTopic(topic: string): DeviceId | undefined {
  const levels = topic.split('/', 4)
  const [root, second, third] = levels
  if (root === 'devices') return deviceId(second ?? '')
  if (root === '$aws' && second === 'things') return deviceId(third ?? '')
  return root === 'muster' && second === 'bell' ? deviceId(third ?? '') : undefined
}
