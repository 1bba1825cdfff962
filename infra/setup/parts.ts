// What each part of an installation gets to know: its own login, its own keys, and nothing of another's.
import { createHmac, hkdfSync } from 'node:crypto'
import { formatHopKeys, deriveHopKey } from '../../shared/hop/keys.ts'
import { roleOf } from '../migrations/grants.ts'
import { CALLS, callersOf, INSTALLATION_SECRETS, usesStore } from './mounts.ts'

/** The kid of keys that were never rotated; a caller's root then goes without it. */
export const FIRST_KID = 'k1'
const KEY_BYTES = 32

export interface Installation {
  /** The installation's own secrets by name. */
  readonly secrets: Readonly<Record<string, string>>
  /** The root of every key between parts. */
  readonly hopRoot: Buffer
  /** Kids that callees take; callers sign with the first. */
  readonly hopKids: readonly [string, ...string[]]
  /** Of the database: host, port and name, such as `postgres:5432/muster`. */
  readonly database: string
}

/** A secret of a part, derived from the root and its own name: the same at each run. */
function derived(root: Buffer, what: string, part: string): Buffer {
  return Buffer.from(hkdfSync('sha256', root, '', `muster-setup-1 ${what} ${part}`, KEY_BYTES))
}

/** The root that a caller signs its calls with under one kid; another caller's, or its own of another kid, is not to be had from it. */
export const callerRoot = (hopRoot: Buffer, caller: string, kid: string): Buffer =>
  derived(hopRoot, kid === FIRST_KID ? 'caller' : `caller ${kid}`, caller)

/** The password of a part's login at the database. */
export const passwordOf = (hopRoot: Buffer, part: string): string =>
  derived(hopRoot, 'database', part).toString('base64url')

/** The key of the object store; its name is `muster`. */
export const STORE_ACCESS_KEY = 'muster'
export const storeKey = (hopRoot: Buffer): string =>
  createHmac('sha256', derived(hopRoot, 'store', 'store')).digest('hex')

export function databaseUrl({ hopRoot, database }: Installation, part: string): string {
  return `postgres://${roleOf(part)}:${passwordOf(hopRoot, part)}@${database}`
}

const base64 = (bytes: Buffer) => `${bytes.toString('base64')}\n`

/** The keys of all who may call a function, under each kid. */
function hopKeys({ hopRoot, hopKids }: Installation, name: string): string {
  return formatHopKeys(
    hopKids.flatMap((kid) =>
      ['edge', 'connector', ...callersOf(name)].map((caller) => ({
        kid,
        caller,
        key: deriveHopKey(callerRoot(hopRoot, caller, kid), caller, name),
      })),
    ),
  )
}

/** What a caller signs with: its root, with the kid before it unless that is the first. */
function rootOf({ hopRoot, hopKids: [kid] }: Installation, caller: string): string {
  const root = base64(callerRoot(hopRoot, caller, kid))
  return kid === FIRST_KID ? root : `${kid}:${root}`
}

/** The secrets of one function, by the names under which it mounts them. */
export function functionSecrets(installation: Installation, name: string): Record<string, string> {
  const { hopRoot, secrets } = installation
  const own = (INSTALLATION_SECRETS[name] ?? []).map(
    (secret) => [secret, secrets[secret] ?? ''] as const,
  )
  return {
    'database-url': databaseUrl(installation, name),
    'hop-keys': hopKeys(installation, name),
    ...(CALLS[name] && { 'hop-root': rootOf(installation, name) }),
    ...(usesStore(name) && storeSecrets(hopRoot)),
    ...Object.fromEntries(own),
  }
}

/** What the store and whoever writes to it know. */
export const storeSecrets = (hopRoot: Buffer): Record<string, string> => ({
  's3-access-key': STORE_ACCESS_KEY,
  's3-secret-key': storeKey(hopRoot),
})

/** Secrets of a part that calls functions: the connector, the edge. */
export function callerSecrets(installation: Installation, name: string): Record<string, string> {
  return {
    'database-url': databaseUrl(installation, name),
    'hop-root': rootOf(installation, name),
  }
}
