import { DomainError } from '../errors.ts'
import { sameValue, type Tree } from './document.ts'
import {
  emptySection,
  fromText,
  sectionText,
  SECTIONS,
  toText,
  type Held,
  type HeldSection,
} from './held.ts'
import { merge, timesOfTree, withoutNulls } from './merge.ts'
import type { SentState } from './request.ts'

export interface Update {
  readonly kind: 'update'
  readonly state: SentState | null
  readonly version?: number
  /** Bytes of the request. */
  readonly size: number
}

const GROWTH_MAX = 6

/** What is to be done to a shadow. */
export type Command =
  | Update
  | { readonly kind: 'delete'; readonly version?: number }
  /** The lightweight mode: the whole reported document. */
  | { readonly kind: 'report'; readonly reported: Tree }

/** Whether a whole reported document is what is stored already: then it is no update. */
export function isReported(held: Held, reported: Tree): boolean {
  return held.exists && sameValue(held.reported.tree ?? {}, withoutNulls(reported) ?? {})
}

/**
 * Applies a command to a shadow, in place. A refusal leaves the shadow as it was.
 * @throws {DomainError} shadow.not_found, shadow.version_conflict, shadow.too_large
 */
export function apply(held: Held, command: Command, at: number, maxBytes: number): void {
  switch (command.kind) {
    case 'update':
      checkVersion(held, command.version)
      update(held, command, at, maxBytes)
      return
    case 'delete':
      if (!held.exists) throw new DomainError('shadow.not_found')
      checkVersion(held, command.version)
      Object.assign(held, { desired: emptySection(), reported: emptySection(), exists: false })
      held.version++
      return
    case 'report':
      report(held, command.reported, at, maxBytes)
  }
}

function checkVersion(held: Held, version: number | undefined): void {
  if (version === undefined) return
  // A first update may say 0 or 1; the real service's answer to others is not known, a conflict is the safe one.
  if (held.exists ? version === held.version : version <= 1) return
  throw new DomainError('shadow.version_conflict', { current: held.version })
}

function update(held: Held, { state, size }: Update, at: number, maxBytes: number): void {
  // Printed anew a number may be longer than it was sent (1e20), nothing else; most updates cannot reach the limit and need no way back.
  const mayExceed = bytesOf(held) + size * GROWTH_MAX > maxBytes
  const before = mayExceed ? fromText(toText(held)) : undefined
  for (const name of SECTIONS) updateSection(held[name], state === null ? null : state[name], at)
  if (before !== undefined && bytesOf(held) > maxBytes) {
    Object.assign(held, before)
    throw new DomainError('shadow.too_large', { limit_bytes: maxBytes })
  }
  held.version++
  held.exists = true
}

function updateSection(section: HeldSection, sent: Tree | null | undefined, at: number): void {
  if (sent === undefined) return
  section.text = null
  section.told = null
  if (sent === null) {
    Object.assign(section, emptySection())
    return
  }
  section.tree ??= {}
  merge(section.tree, section.times, sent, at)
  // A section that ends up empty disappears.
  if (Object.keys(section.tree).length === 0) Object.assign(section, emptySection())
}

function report(held: Held, reported: Tree, at: number, maxBytes: number): void {
  const tree = withoutNulls(reported) ?? {}
  const empty = Object.keys(tree).length === 0
  const section: HeldSection = empty
    ? emptySection()
    : { tree, times: timesOfTree(tree, at), text: null, told: null }
  if (bytesOf({ ...held, reported: section }) > maxBytes) {
    throw new DomainError('shadow.too_large', { limit_bytes: maxBytes })
  }
  Object.assign(held.reported, section)
  held.version++
  held.exists = true
}

/** The size that counts: both sections as JSON in UTF-8; metadata does not. */
export function bytesOf(held: Held): number {
  return SECTIONS.reduce((sum, name) => sum + Buffer.byteLength(sectionText(held[name]) ?? ''), 0)
}
