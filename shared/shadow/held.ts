import { isTree, type TimesTree, type Tree, type Value } from './document.ts'
import { parseJson, printJson } from './json.ts'
import { metadataText } from './metadata.ts'

export type Section = 'desired' | 'reported'
export const SECTIONS = ['desired', 'reported'] as const satisfies Section[]

/** A shadow as its row holds it, sections as text. */
export interface HeldText {
  readonly version: number
  readonly desired: string | null
  readonly reported: string | null
  readonly metadata: string | null
}

/**
 * A shadow in memory: each section as a value and as text, so that what did not change is never printed again. Version 0: it never existed; no
 * metadata and a version: it was deleted (the version counts on).
 */
export interface Held {
  version: number
  exists: boolean
  readonly desired: HeldSection
  readonly reported: HeldSection
}

export interface HeldSection {
  tree: Tree | undefined
  times: TimesTree
  text: string | null
  /** Metadata as it is told, once it was. */
  told: string | null
}

/** @throws {Error} when a row holds what this code never writes */
export function fromText(row: HeldText): Held {
  const exists = row.version > 0 && row.metadata !== null
  const metadata = exists && row.metadata !== null ? parseTimes(row.metadata) : {}
  return {
    version: row.version,
    exists,
    desired: sectionFrom(row.desired, metadata['desired']),
    reported: sectionFrom(row.reported, metadata['reported']),
  }
}

function sectionFrom(text: string | null, times: TimesTree[string] | undefined): HeldSection {
  if (text === null) return emptySection()
  return { tree: treeFrom(text), times: typeof times === 'object' ? times : {}, text, told: null }
}

export function emptySection(): HeldSection {
  return { tree: undefined, times: {}, text: null, told: null }
}

function treeFrom(text: string): Tree {
  const value: Value = parseJson(text)
  if (!isTree(value)) throw new Error('a section of a stored shadow is no object')
  return value
}

function parseTimes(text: string): TimesTree {
  const times: TimesTree = JSON.parse(text)
  return times
}

/** What the row is to hold; a section whose text is missing is printed here. */
export function toText(held: Held): HeldText {
  const { version, exists, desired, reported } = held
  if (!exists) return { version, desired: null, reported: null, metadata: null }
  const times: TimesTree = {}
  if (desired.tree) times['desired'] = desired.times
  if (reported.tree) times['reported'] = reported.times
  return {
    version,
    desired: sectionText(desired),
    reported: sectionText(reported),
    metadata: JSON.stringify(times),
  }
}

/** Metadata of a section as it is told; null where there is none. */
export function sectionMetadata(section: HeldSection): string | null {
  section.told ??= section.tree === undefined ? null : metadataText(section.tree, section.times)
  return section.told
}

export function sectionText(section: HeldSection): string | null {
  section.text ??= section.tree === undefined ? null : printJson(section.tree)
  return section.text
}
