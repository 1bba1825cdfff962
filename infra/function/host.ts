import { systemClock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { processUrls } from '../../shared/db/process-url.ts'
import { functionUrl } from '../../shared/function-url.ts'
import { deriveHopKey, parseHopKeys, type CallerKey, type HopKey } from '../../shared/hop/keys.ts'
import { createVerifier } from '../../shared/hop/verify.ts'
import type { Host } from '../../shared/host.ts'
import type { Logger } from '../../shared/log.ts'
import { createUnsealer } from '../../shared/sealed.ts'
import { readPassphrase, readSecret } from '../../shared/secret.ts'
import { forwardFunctions } from '../gateway/forward.ts'
import { createInternalCall } from '../gateway/internal-call.ts'

const REREAD_MS = 10_000
const UNKNOWN_MS = 1_000
// Statements end after 5 s by themselves; a host that is gone says nothing.
const ANSWER_MS = 6_000
const HOP_ROOT = /^(?:([A-Za-z0-9_-]{1,32}):)?([A-Za-z0-9+/]{43}=)$/
const HOP_KID = 'k1'

export interface FunctionHost {
  readonly host: Host
  close(): Promise<void>
}

/** What must be configured for this function and is not. */
export class MissingSetting extends Error {}

function needed<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new MissingSetting(`${name} is missing`)
  return value
}

/** Keys of the callers, read again every ten seconds, and at once for a kid that is new: a rotation needs no restart. */
function rereadKeys(name: string): (kid: string) => readonly CallerKey[] {
  const read = () => {
    const secret = readSecret('hop-keys', { env: process.env, functionName: name })
    return parseHopKeys(needed(secret, 'HOP_KEYS').toString('utf8'))
  }
  let keys = read()
  let readAt = performance.now()
  return (kid) => {
    const age = performance.now() - readAt
    // Whoever makes kids up costs one read a second.
    if (age < (keys.some((key) => key.kid === kid) ? REREAD_MS : UNKNOWN_MS)) return keys
    readAt = performance.now()
    try {
      keys = read()
    } catch {
      // Half a rotation: the keys that were good stay so.
    }
    return keys
  }
}

/** Only callers have a root; a function that calls no other is asked for none. */
function callKey(name: string, callee: string): HopKey {
  const secret = readSecret('hop-root', { env: process.env, functionName: name })
  const match = HOP_ROOT.exec(needed(secret, 'HOP_ROOT').toString('latin1').trim())
  if (match === null) throw new MissingSetting('HOP_ROOT is not base64 of 32 bytes')
  const [, kid = HOP_KID, root = ''] = match
  return { kid, key: deriveHopKey(Buffer.from(root, 'base64'), name, callee) }
}

function connect(name: string, config: Config, connections: number): Database {
  const { url, direct } = needed(processUrls(config, name), 'DATABASE_URL')
  return openDatabase({
    url,
    connections: config.databasePoolConnections ?? connections,
    name: `muster ${name}`,
    answerMs: ANSWER_MS,
    // Through a pooler `set role` would leak to others: there the login is the function's own.
    ...(direct && { role: `muster_${name.replaceAll('-', '_')}` }),
  })
}

const now = (): Date => systemClock.now()

/** Makes what a function needs, in a process of its own. */
export function openFunctionHost(
  name: string,
  config: Config,
  log: Logger,
  connections: number,
): FunctionHost {
  const keys = rereadKeys(name)
  const db = connect(name, config, connections)
  const unsealed = createUnsealer(() => readPassphrase(config.passphraseFile))
  const forward = forwardFunctions({ urlOf: (callee) => functionUrl(config.gatewayUrl, callee) })
  const host: Host = {
    name,
    config,
    db,
    clock: systemClock,
    log,
    hop: createVerifier({ callee: name, keys, now }),
    call: createInternalCall({
      caller: name,
      keyOf: (callee) => callKey(name, callee),
      now,
      dispatch: forward,
    }),
    secret: async (secret) => {
      const found = readSecret(secret, { env: process.env, functionName: name })
      return found && unsealed(found, secret)
    },
  }
  return {
    host,
    close: async () => {
      forward.close()
      await db.close()
    },
  }
}
