import { delta } from './delta.ts'
import type { Tree, Value } from './document.ts'
import { sectionMetadata, sectionText, SECTIONS, type Held } from './held.ts'
import { printJson } from './json.ts'
import { metadataText } from './metadata.ts'
import type { SentState } from './request.ts'

/** Larger than this no broker of ours passes a message on: what makes it so, the metadata, is left out then. */
export const NOTICE_BYTES = 4 * 1024 * 1024 - 1024

/** What a request and its answer have in common. */
export interface Stamp {
  readonly version: number
  /** Epoch seconds. */
  readonly at: number
  readonly clientToken?: string | undefined
}

/** A version of a shadow as `documents` tells it, already text. */
export interface Snapshot {
  readonly state: string
  readonly metadata: string
  readonly version: number
}

const token = ({ clientToken }: Stamp): string =>
  clientToken === undefined ? '' : `,"clientToken":${JSON.stringify(clientToken)}`

const tail = (stamp: Stamp): string =>
  `"version":${stamp.version},"timestamp":${stamp.at}${token(stamp)}}`

function bounded(limit: number, render: (metadata: boolean) => string): string {
  const text = render(true)
  const exceeds = text.length * 3 > limit && Buffer.byteLength(text) > limit
  return exceeds ? render(false) : text
}

const members = (parts: readonly (readonly [string, string | null])[]): string =>
  `{${parts.flatMap(([name, text]) => (text === null ? [] : `"${name}":${text}`)).join(',')}}`

/** The shadow as it is now; null when there is none. */
export function snapshot(held: Held): Snapshot | null {
  if (!held.exists) return null
  return {
    state: members(SECTIONS.map((name) => [name, sectionText(held[name])])),
    metadata: members(SECTIONS.map((name) => [name, sectionMetadata(held[name])])),
    version: held.version,
  }
}

/** Answer to an update: what was sent, with its time for every leaf. */
export function updateAccepted(
  state: SentState | null,
  stamp: Stamp,
  limit: number = NOTICE_BYTES,
): string {
  const value: Value = state === null ? null : { ...state }
  return bounded(limit, (metadata) => {
    const times = metadata ? metadataText(value, stamp.at) : '{}'
    return `{"state":${printJson(value)},"metadata":${times},${tail(stamp)}`
  })
}

/** Answer to a get. */
export function getAccepted(held: Held, stamp: Stamp): string {
  const limit = NOTICE_BYTES
  const differs = delta(held.desired.tree, held.reported.tree)
  const state = members([
    ...SECTIONS.map((name) => [name, sectionText(held[name])] as const),
    ['delta', differs === undefined ? null : printJson(differs)],
  ])
  return bounded(limit, (withTimes) => {
    const metadata = members([
      ...SECTIONS.map((name) => [name, sectionMetadata(held[name])] as const),
      ['delta', differs === undefined ? null : metadataText(differs, held.desired.times)],
    ])
    return `{"state":${state},"metadata":${withTimes ? metadata : '{}'},${tail(stamp)}`
  })
}

/** Answer to a delete: the version that was deleted. */
export function deleteAccepted(stamp: Stamp): string {
  return `{${tail(stamp)}`
}

/** What the device should become and is not; undefined when nothing differs. */
export function deltaNotice(
  held: Held,
  stamp: Stamp,
  limit: number = NOTICE_BYTES,
): string | undefined {
  const differs: Tree | undefined = delta(held.desired.tree, held.reported.tree)
  if (differs === undefined) return undefined
  return bounded(limit, (metadata) => {
    const times = metadata ? metadataText(differs, held.desired.times) : '{}'
    return `{"state":${printJson(differs)},"metadata":${times},${tail(stamp)}`
  })
}

const told = (version: Snapshot | null, metadata: boolean): string =>
  version === null
    ? 'null'
    : `{"state":${version.state},"metadata":${metadata ? version.metadata : '{}'},"version":${version.version}}`

/** Both versions whole; without `previous` where only the newest is known. */
export function documentsNotice(
  previous: Snapshot | null | undefined,
  current: Snapshot | null,
  stamp: Stamp,
  limit: number = NOTICE_BYTES,
): string {
  return bounded(limit, (metadata) => {
    const before = previous === undefined ? '' : `"previous":${told(previous, metadata)},`
    const after = `"current":${told(current, metadata)}`
    return `{${before}${after},"timestamp":${stamp.at}${token(stamp)}}`
  })
}
