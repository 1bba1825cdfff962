import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { factsOf } from '../index/facts.ts'
import { placeOf } from '../index/field-name.ts'
import type { Json, JsonObject } from '../json.ts'
import { parseDocument } from './device.ts'
import {
  readAttributes,
  readDeclaredFields,
  writeAttributes,
  writeFacts,
  type FieldRow,
} from './queries.ts'

export type AttributeSource = 'agent' | 'operator' | 'system'

const DOCUMENT_BYTES = 16 * 1024
const KEYS_MAX = 200

/**
 * Changes what one source says of devices (RFC 7396: null takes a key away), and with it the facts of the keys that are declared
 * for search. The same change for all of them.
 */
export async function changeAttributes(
  tx: Db,
  ids: readonly string[],
  source: AttributeSource,
  change: JsonObject,
): Promise<void> {
  const sorted = ids.toSorted()
  const stored = await tx.rows(readAttributes, [sorted])
  const told = new Map<string, Map<string, JsonObject>>(sorted.map((id) => [id, new Map()]))
  for (const row of stored) told.get(row.device_id)?.set(row.source, parseDocument(row.document))
  const documents: string[] = []
  for (const [id, bySource] of told) {
    const changed = mergeFlat(bySource.get(source) ?? {}, change)
    bySource.set(source, changed)
    documents.push(checkedText(id, changed))
  }
  await tx.rows(writeAttributes, [sorted, source, documents])
  await rewriteFacts(tx, told, Object.keys(change))
}

function mergeFlat(before: JsonObject, change: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(before))
  for (const [key, value] of Object.entries(change)) {
    if (value === null) merged.delete(key)
    else merged.set(key, value)
  }
  return Object.fromEntries(merged)
}

function checkedText(id: string, document: JsonObject): string {
  const text = JSON.stringify(document)
  if (Object.keys(document).length > KEYS_MAX || Buffer.byteLength(text) > DOCUMENT_BYTES) {
    const detail = `the attributes of ${id} would exceed ${KEYS_MAX} keys or ${DOCUMENT_BYTES} bytes`
    throw new DomainError('request.invalid', { errors: [{ pointer: '/attributes', detail }] })
  }
  return text
}

interface AttributeField extends FieldRow {
  readonly key: string
}

async function attributeFields(tx: Db, keys: readonly string[]): Promise<AttributeField[]> {
  const fields = await tx.rows(readDeclaredFields, [])
  return fields.flatMap((field) => {
    const place = placeOf(field.name)
    return place?.kind === 'attribute' && keys.includes(place.key)
      ? [{ ...field, key: place.key }]
      : []
  })
}

async function rewriteFacts(
  tx: Db,
  told: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>,
  keys: readonly string[],
): Promise<void> {
  const fields = await attributeFields(tx, keys)
  if (fields.length === 0) return
  const facts = [...told].flatMap(([id, bySource]) =>
    fields.flatMap((field) =>
      attributeFacts(field, [...bySource.values()]).map((fact) => ({
        id,
        field: field.field,
        fact,
      })),
    ),
  )
  await tx.rows(writeFacts, [
    [...told.keys()],
    fields.map((field) => field.field),
    facts.map((each) => each.id),
    facts.map((each) => each.field),
    facts.map((each) => each.fact.t),
    facts.map((each) => each.fact.n),
    facts.map((each) => each.fact.v),
  ])
}

// What several sources say all counts: a query holds if one of them meets it.
function attributeFacts({ type, key }: AttributeField, documents: readonly JsonObject[]) {
  const facts = documents.flatMap((document) => factsOf(type, document[key]))
  return [...new Map(facts.map((fact) => [fact.t, fact])).values()]
}
