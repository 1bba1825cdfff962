import type { Db } from '../db/database.ts'
import { own, isTree, type Tree, type Value } from '../shadow/document.ts'
import { factsOf, type Fact, type FieldType } from './facts.ts'
import { placeOf } from './field-name.ts'
import { readFields, type FieldRow } from './queries.ts'

/** A declared leaf of shadows. */
export interface Leaf {
  readonly field: number
  /** False while a backfill writes the facts of what is stored. */
  readonly ready: boolean
  readonly type: FieldType
  readonly shadow: string
  readonly section: 'desired' | 'reported'
  readonly path: readonly string[]
}

/** All declared leaves of shadows, as some moment of the database had them. */
export interface Leaves {
  /** Equal exactly while no field was declared, became ready or was removed. */
  readonly mark: bigint
  readonly byShadow: ReadonlyMap<string, readonly Leaf[]>
  /** Whether `shadow.reported.firmware_ver` is declared: then it is what the device says it runs. */
  readonly firmware: boolean
}

export const FIRMWARE_FIELD = 'shadow.reported.firmware_ver'
const COUNT_STEP = 2n ** 32n
const READY_STEP = 2n ** 44n

const caches = new WeakMap<Db, Promise<Leaves>>()

/** The declared leaves; kept until `forgetLeaves`, since the statement that writes proves the mark. Give it the pool. */
export function readLeaves(db: Db): Promise<Leaves> {
  const cached = caches.get(db)
  if (cached !== undefined) return cached
  const leaves = load(db)
  caches.set(db, leaves)
  leaves.catch(() => caches.delete(db))
  return leaves
}

export function forgetLeaves(db: Db): void {
  caches.delete(db)
}

async function load(db: Db): Promise<Leaves> {
  return leavesOf(await db.rows(readFields, []))
}

export function leavesOf(
  rows: readonly Pick<FieldRow, 'field' | 'name' | 'type' | 'ready'>[],
): Leaves {
  const byShadow = new Map<string, Leaf[]>()
  for (const { field, name, type, ready } of rows) {
    const place = placeOf(name)
    if (place?.kind !== 'shadow') continue
    const { shadow, section, path } = place
    const leaves = byShadow.get(shadow) ?? []
    byShadow.set(shadow, [...leaves, { field, type, ready, shadow, section, path }])
  }
  // Ids only rise and a field never ceases to be ready: two counts and the highest id are enough.
  const ready = rows.filter((row) => row.ready).length
  const highest = rows.reduce((most, { field }) => Math.max(most, field), 0)
  return {
    mark: BigInt(ready) * READY_STEP + BigInt(rows.length) * COUNT_STEP + BigInt(highest),
    byShadow,
    firmware: rows.some(({ name }) => name === FIRMWARE_FIELD),
  }
}

/** The value at a path; undefined where there is none. */
export function valueAt(tree: Tree | undefined, path: readonly string[]): Value | undefined {
  let value: Value | undefined = tree
  for (const key of path) {
    if (!isTree(value)) return undefined
    value = own(value, key)
  }
  return value
}

/** The facts of one leaf in a shadow's sections. */
export function leafFacts(
  leaf: Leaf,
  sections: Readonly<Record<'desired' | 'reported', Tree | undefined>>,
): Fact[] {
  return factsOf(leaf.type, valueAt(sections[leaf.section], leaf.path))
}
