// What each part of an installation gets to know: its own login, its own keys, and nothing of another's.
import { createHmac, hkdfSync } from 'node:crypto'
import { formatHopKeys, deriveHopKey } from '../../shared/hop/keys.ts'
import { roleOf } from '../migrations/grants.ts'

const KID = 'k1'
const KEY_BYTES = 32

/** Functions that call another one; all of them the signer. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  enroll: ['pki'],
  est: ['pki'],
  register: ['pki'],
  admin: ['pki'],
}

/** Secrets of the installation that a function mounts as they are. */
const MOUNTED: Readonly<Record<string, readonly string[]>> = {
  pki: ['ca-certificates', 'ca-issuing-key', 'claim-ca-certificate', 'claim-ca-key'],
  enroll: ['kek'],
  admin: ['kek'],
  retention: ['audit-key'],
}

const STORES = new Set(['ota', 'ota-report'])

export interface Installation {
  /** The installation's own secrets by name. */
  readonly secrets: Readonly<Record<string, string>>
  /** The root of every key between parts. */
  readonly hopRoot: Buffer
  /** Of the database: host, port and name, such as `postgres:5432/muster`. */
  readonly database: string
}

/** A secret of a part, derived from the root and its own name: the same at each run. */
function derived(root: Buffer, what: string, part: string): Buffer {
  return Buffer.from(hkdfSync('sha256', root, '', `muster-setup-1 ${what} ${part}`, KEY_BYTES))
}

/** The root that a caller signs its calls with; another caller's is not to be had from it. */
export const callerRoot = (hopRoot: Buffer, caller: string): Buffer =>
  derived(hopRoot, 'caller', caller)

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

/** The keys of all who may call a function. */
function hopKeys(hopRoot: Buffer, name: string): string {
  const callers = Object.keys(CALLS).filter((caller) => CALLS[caller]?.includes(name))
  return formatHopKeys(
    ['edge', 'connector', ...callers].map((caller) => ({
      kid: KID,
      caller,
      key: deriveHopKey(callerRoot(hopRoot, caller), caller, name),
    })),
  )
}

/** The secrets of one function, by the names under which it mounts them. */
export function functionSecrets(installation: Installation, name: string): Record<string, string> {
  const { hopRoot, secrets } = installation
  const own = (MOUNTED[name] ?? []).map((secret) => [secret, secrets[secret] ?? ''] as const)
  return {
    'database-url': databaseUrl(installation, name),
    'hop-keys': hopKeys(hopRoot, name),
    ...(CALLS[name] && { 'hop-root': base64(callerRoot(hopRoot, name)) }),
    ...(STORES.has(name) && storeSecrets(hopRoot)),
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
    'hop-root': base64(callerRoot(installation.hopRoot, name)),
  }
}
