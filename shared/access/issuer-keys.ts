import type { createLocalJWKSet, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose'
import type { Clock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'

type Key = Awaited<ReturnType<LocalKeys>>
type LocalKeys = ReturnType<typeof createLocalJWKSet>
export type KeySource = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<Key>

const FRESH_MS = 10 * 60_000
const RETRY_MS = 30_000
const STALE_MS = 24 * 3_600_000
const FETCH_MS = 5_000
const DOCUMENT_BYTES = 256 * 1024

interface State {
  keys: LocalKeys | undefined
  /** When they were fetched, and when that was last tried. */
  fetchedAt: number
  triedAt: number
  reloading: Promise<void> | undefined
}

/**
 * Keys of an OpenID Connect issuer: fetched again after ten minutes, for an unknown key id at most once in 30 s, and good for a day
 * while the issuer does not answer.
 */
export function issuerKeys(issuer: string, clock: Clock): KeySource {
  const state: State = {
    keys: undefined,
    fetchedAt: -Infinity,
    triedAt: -Infinity,
    reloading: undefined,
  }
  const since = (moment: number) => clock.now().getTime() - moment
  const reload = () => (state.reloading ??= load(issuer, clock, state))
  return async (header, token) => {
    if (since(state.fetchedAt) >= FRESH_MS && since(state.triedAt) >= RETRY_MS) await reload()
    const found = await lookUp(state, since, header, token)
    if (found !== undefined) return found
    if (since(state.triedAt) >= RETRY_MS) {
      await reload()
      const again = await lookUp(state, since, header, token)
      if (again !== undefined) return again
    }
    throw new DomainError('auth.required')
  }
}

async function lookUp(
  { keys, fetchedAt }: State,
  since: (moment: number) => number,
  header: JWSHeaderParameters,
  token: FlattenedJWSInput,
): Promise<Key | undefined> {
  if (keys === undefined || since(fetchedAt) > STALE_MS) throw new DomainError('auth.unavailable')
  const { errors } = await import('jose')
  try {
    return await keys(header, token)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    throw error
  }
}

// A failure is not thrown: what is known still serves, and without it the look-up says 503.
async function load(issuer: string, clock: Clock, state: State): Promise<void> {
  state.triedAt = clock.now().getTime()
  try {
    const jose = await import('jose')
    state.keys = jose.createLocalJWKSet(await fetchKeys(issuer))
    state.fetchedAt = clock.now().getTime()
  } catch {
    return
  } finally {
    state.reloading = undefined
  }
}

async function fetchKeys(issuer: string): Promise<JSONWebKeySet> {
  const about = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const { issuer: named, jwks_uri: uri } = about
  if (named !== issuer || typeof uri !== 'string') throw new Error('the issuer names another one')
  const document = await fetchJson(uri)
  if (!isKeySet(document)) throw new Error('no key set')
  return document
}

function isKeySet(document: JsonObject): document is JsonObject & JSONWebKeySet {
  return Array.isArray(document['keys']) && document['keys'].every(isJsonObject)
}

async function fetchJson(url: string): Promise<JsonObject> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  const text = await response.text()
  const document: unknown = text.length > DOCUMENT_BYTES ? undefined : JSON.parse(text)
  if (!isJsonObject(document)) throw new Error(`${url} is no JSON object`)
  return document
}
