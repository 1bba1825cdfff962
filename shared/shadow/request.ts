import { DomainError } from '../errors.ts'
import { isTree, own, type Tree, type Value } from './document.ts'
import { nesting, parseJson } from './json.ts'

/** Levels of keys in the desired or reported section. */
export const DEPTH_MAX = 8
// The envelope, `state` and the section stand above the first level; a value on the last may still be an empty object.
const NESTING_MAX = DEPTH_MAX + 3
const TOKEN_BYTES = 64

/** What every request may carry besides its content. */
export interface Envelope {
  readonly clientToken?: string
  /** The version that the sender believes to be the current one. */
  readonly version?: number
}

/** A section as sent: null removes it, undefined leaves it. */
export interface SentState {
  readonly desired?: Tree | null
  readonly reported?: Tree | null
}

export interface UpdateRequest extends Envelope {
  /** Null clears both sections. */
  readonly state: SentState | null
}

const invalid = (detail: string, token?: string): DomainError =>
  new DomainError('shadow.invalid', {
    detail,
    ...(token !== undefined && { client_token: token }),
  })

/**
 * The text of a payload.
 * @throws {DomainError} shadow.encoding
 */
export function decodeText(payload: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
  } catch (error) {
    throw new DomainError('shadow.encoding', {}, { cause: error })
  }
}

/**
 * Reads an update. Unknown members beside `state` are ignored, as AWS does, since its SDKs send some; inside `state` they are refused.
 * @throws {DomainError} shadow.invalid
 */
export function parseUpdate(text: string): UpdateRequest {
  const body = parseObject(text)
  const token = tokenOf(body)
  const envelope = { ...(token !== undefined && { clientToken: token }), ...versionOf(body, token) }
  const state = own(body, 'state')
  if (state === undefined) throw invalid('Missing required node: state', token)
  if (state === null) return { ...envelope, state }
  if (!isTree(state)) throw invalid('State node must be an object', token)
  for (const key of Object.keys(state)) {
    if (key !== 'desired' && key !== 'reported') {
      throw invalid('State contains an invalid node', token)
    }
  }
  return {
    ...envelope,
    state: {
      ...sectionOf(state, 'desired', 'Desired node must be an object', token),
      ...sectionOf(state, 'reported', 'Reported node must be an object', token),
    },
  }
}

/**
 * Reads a get or a delete: nothing, or an object of which the token counts.
 * @throws {DomainError} shadow.invalid
 */
export function parseToken(text: string): Envelope {
  if (text.trim() === '') return {}
  const token = tokenOf(parseObject(text))
  return token === undefined ? {} : { clientToken: token }
}

/**
 * Reads a whole reported document, as the lightweight mode sends it.
 * @throws {DomainError} shadow.invalid
 */
export function parseReported(text: string): Tree {
  const document = parseObject(text)
  checkSection(document)
  return document
}

function parseObject(text: string): Tree {
  if (nesting(text, NESTING_MAX) > NESTING_MAX) throw tooDeep()
  let value: Value
  try {
    value = parseJson(text)
  } catch (error) {
    // The parser's own message would echo what was sent.
    throw new DomainError('shadow.invalid', { detail: 'Invalid JSON' }, { cause: error })
  }
  if (!isTree(value)) throw invalid('Invalid JSON')
  return value
}

const tooDeep = (token?: string) =>
  invalid(`JSON contains too many levels of nesting; maximum is ${DEPTH_MAX}`, token)

function tokenOf(body: Tree): string | undefined {
  const token = own(body, 'clientToken')
  if (token === undefined || token === null) return undefined
  if (typeof token !== 'string' || Buffer.byteLength(token) > TOKEN_BYTES) {
    throw invalid('Invalid clientToken')
  }
  return token
}

function versionOf(body: Tree, token: string | undefined): { version?: number } {
  const version = own(body, 'version')
  if (version === undefined || version === null) return {}
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) {
    throw invalid('Invalid version', token)
  }
  return { version }
}

function sectionOf(
  state: Tree,
  name: 'desired' | 'reported',
  message: string,
  token: string | undefined,
): SentState {
  const section = own(state, name)
  if (section === undefined) return {}
  if (section === null) return { [name]: section }
  if (!isTree(section)) throw invalid(message, token)
  checkSection(section, token)
  return { [name]: section }
}

function checkSection(section: Tree, token?: string): void {
  for (const key of Object.keys(section)) checkValue(section[key] ?? null, 1, false, token)
}

// Arrays are values: a null in one would be stored, and could not mean "remove".
function checkValue(value: Value, depth: number, inArray: boolean, token?: string): void {
  if (depth > DEPTH_MAX) throw tooDeep(token)
  const outOfRange = typeof value === 'number' && !Number.isFinite(value)
  if (outOfRange || (value === null && inArray)) {
    throw invalid('State contains an invalid node', token)
  }
  if (Array.isArray(value)) {
    for (const each of value) checkValue(each, depth + 1, true, token)
  } else if (isTree(value)) {
    for (const key of Object.keys(value)) {
      checkValue(value[key] ?? null, depth + 1, inArray, token)
    }
  }
}
