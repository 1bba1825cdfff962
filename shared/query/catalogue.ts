import type { FieldType, Operator } from './query.ts'

/** Where the values of a field lie. Names in here are ours, never the text of a query. */
export type Source =
  | {
      readonly kind: 'column'
      readonly column: string
      /** The value that stands for "none" in a column that is never null. */
      readonly absent?: '' | 'infinity'
      readonly nullable?: true
      /** The column that sorts versions. */
      readonly key?: string
      readonly indexed?: true
    }
  /** A row of `device_presence`, one a device. */
  | { readonly kind: 'presence'; readonly column: 'last_seen' }
  /** True where `device_presence` says so; a device that was never seen is not connected. */
  | { readonly kind: 'flag'; readonly column: 'connected' }
  /** Rows of `device_facts`: a leaf that the operator declared. */
  | { readonly kind: 'fact'; readonly field: number }
  /** A leaf of `device_attributes.document`, read out of the text. */
  | { readonly kind: 'document'; readonly key: string }
  | { readonly kind: 'group' }
  /** The action of one rollout, by its name or its number. */
  | { readonly kind: 'rollout'; readonly rollout: string }
  /** The newest action of the device. */
  | { readonly kind: 'action'; readonly column: 'state' | 'release' }

export interface Field {
  /** The path as the canonical text has it. */
  readonly name: string
  readonly type: FieldType
  /** A choice: these values and no other. */
  readonly values?: readonly string[]
  readonly source: Source
}

/** Fields whose names are not known beforehand, below one first name. */
export interface Family {
  /** What completion offers: the beginnings of such names. */
  readonly beginnings: readonly string[]
  /** The field, why there is none although the path is well-formed, or undefined. */
  resolve(rest: readonly string[]): Field | 'undeclared' | 'unready' | undefined
}

/** What one subject's queries may name. */
export interface Catalogue {
  readonly subject: string
  readonly fields: ReadonlyMap<string, Field>
  readonly families: ReadonlyMap<string, Family>
  /** Names of declared fields, for suggestions and completion. */
  readonly declared: readonly string[]
}

const OPERATORS: Record<FieldType, readonly Operator[]> = {
  text: ['=', 'in', 'like', 'exists'],
  version: ['=', '<', '<=', '>', '>=', 'in', 'like', 'exists'],
  number: ['=', '<', '<=', '>', '>=', 'in', 'exists'],
  boolean: ['=', 'exists'],
  time: ['<', '<=', '>', '>=', 'exists'],
}
const CHOICE_OPERATORS: readonly Operator[] = ['=', 'in', 'exists']

/** The operators that apply to a field, in the order in which they are offered. */
export function operatorsOf(field: Field): readonly Operator[] {
  return field.values ? CHOICE_OPERATORS : OPERATORS[field.type]
}

/** What a message calls the type of a field. */
export function typeName(field: Field): string {
  return field.values ? 'choice' : field.type
}

/** Finds a field by its path, the parts already unquoted. */
export function resolveField(
  catalogue: Catalogue,
  path: readonly string[],
): Field | 'undeclared' | 'unready' | undefined {
  const [first = '', ...rest] = path
  if (rest.length === 0) return catalogue.fields.get(first)
  return catalogue.fields.get(path.join('.')) ?? catalogue.families.get(first)?.resolve(rest)
}

/** Every name that can be offered; families give their declared members. */
export function fieldNames(catalogue: Catalogue): string[] {
  return [...catalogue.fields.keys(), ...catalogue.declared]
}
