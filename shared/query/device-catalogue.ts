import type { Catalogue, Family, Field } from './catalogue.ts'
import { printPath } from './path.ts'
import type { FieldType } from './query.ts'

/** A row of `fields`: a leaf that the operator declared. */
export interface DeclaredField {
  readonly field: number
  readonly name: string
  readonly type: FieldType
  /** False while the facts of what is already stored are being written. */
  readonly ready: boolean
}

const ACTION_STATES = [
  'scheduled',
  'offered',
  'retrieved',
  'downloading',
  'downloaded',
  'installing',
  'rebooting',
  'verifying',
  'succeeded',
  'failed',
  'cancelled',
  'rejected',
  'timed_out',
] as const

const FIELDS: readonly Field[] = [
  {
    name: 'device_id',
    type: 'text',
    source: { kind: 'column', column: 'device_id', indexed: true },
  },
  {
    name: 'hardware_rev',
    type: 'text',
    source: { kind: 'column', column: 'hardware_rev', absent: '', indexed: true },
  },
  {
    name: 'firmware_ver',
    type: 'version',
    source: { kind: 'column', column: 'firmware_ver', absent: '', key: 'firmware_key' },
  },
  {
    name: 'status',
    type: 'text',
    values: ['active', 'suspended', 'decommissioned'],
    source: { kind: 'column', column: 'status', indexed: true },
  },
  {
    name: 'broker_endpoint',
    type: 'text',
    source: { kind: 'column', column: 'broker_endpoint', absent: '' },
  },
  {
    name: 'cert_serial',
    type: 'text',
    source: { kind: 'column', column: 'cert_serial', absent: '' },
  },
  {
    name: 'cert_expires',
    type: 'time',
    source: { kind: 'column', column: 'cert_expires', absent: 'infinity', indexed: true },
  },
  {
    name: 'provisioned_at',
    type: 'time',
    source: { kind: 'column', column: 'provisioned_at', nullable: true },
  },
  { name: 'last_seen', type: 'time', source: { kind: 'presence', column: 'last_seen' } },
  { name: 'connected', type: 'boolean', source: { kind: 'flag', column: 'connected' } },
  { name: 'group', type: 'text', source: { kind: 'group' } },
  {
    name: 'action.state',
    type: 'text',
    values: ACTION_STATES,
    source: { kind: 'action', column: 'state' },
  },
  { name: 'action.release', type: 'text', source: { kind: 'action', column: 'release' } },
]
const BY_NAME: ReadonlyMap<string, Field> = new Map(FIELDS.map((field) => [field.name, field]))

type Declared = ReadonlyMap<string, DeclaredField>

function declaredField(declared: Declared, name: string): Field | undefined {
  const known = declared.get(name)
  if (!known?.ready) return undefined
  return { name, type: known.type, source: { kind: 'fact', field: known.field } }
}

/** An attribute's key is flat: `attribute.os.name` is the key `os.name`. */
function attributes(declared: Declared): Family {
  return {
    beginnings: ['attribute.'],
    resolve: (rest) => {
      const key = rest.join('.')
      const name = printPath(['attribute', ...key.split('.')])
      const document: Field = { name, type: 'text', source: { kind: 'document', key } }
      return key === '' ? undefined : (declaredField(declared, name) ?? document)
    },
  }
}

/** `shadow.reported.a.b`, `shadow.name.<shadow>.desired.a`: only what is declared can be searched. */
function shadows(declared: Declared): Family {
  return {
    beginnings: ['shadow.reported.', 'shadow.desired.', 'shadow.name.'],
    resolve: (rest) => {
      const leaf = rest[0] === 'name' ? rest.slice(2) : rest
      if (leaf.length < 2 || (leaf[0] !== 'reported' && leaf[0] !== 'desired')) return undefined
      const name = printPath(['shadow', ...rest])
      return declaredField(declared, name) ?? (declared.has(name) ? 'unready' : 'undeclared')
    },
  }
}

const ROLLOUT_NUMBER_MAX = 2 ** 31 - 1

const rollouts: Family = {
  beginnings: ['rollout.'],
  resolve: (rest) => {
    // A rollout's name may hold dots; all digits are a number.
    const rollout = rest.join('.')
    if (rollout === '' || (/^[0-9]+$/.test(rollout) && Number(rollout) > ROLLOUT_NUMBER_MAX)) {
      return undefined
    }
    const name = printPath(['rollout', ...rollout.split('.')])
    return { name, type: 'text', values: ACTION_STATES, source: { kind: 'rollout', rollout } }
  },
}

/** The fields of devices, with what the operator declared. */
export function deviceCatalogue(fields: readonly DeclaredField[]): Catalogue {
  const declared: Declared = new Map(fields.map((field) => [field.name, field]))
  return {
    subject: 'device',
    fields: BY_NAME,
    families: new Map([
      ['attribute', attributes(declared)],
      ['shadow', shadows(declared)],
      ['rollout', rollouts],
    ]),
    declared: [...declared.keys()],
  }
}
