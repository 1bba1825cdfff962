// The function register as a test asks it.
import assert from 'node:assert/strict'
import { createDeps, type Deps } from '../../functions/register/deps.ts'
import { handler } from '../../functions/register/handler.ts'
import type { JsonObject } from '../../shared/json.ts'
import { signedRequest } from './call.ts'
import { asker, functionHost, type Ask } from './function-host.ts'
import { insertToken } from './operator.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

export interface Register extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly ask: Ask
  readonly revoked: JsonObject[]
  readonly deps: Deps
  readonly tick: () => Promise<void>
}

/** With a database of its own; what it asks pki to revoke is written down. */
export async function startRegister(scope: readonly string[] = ['admin']): Promise<Register> {
  const cloned = await cloneDatabase()
  const revoked: JsonObject[] = []
  const host = functionHost('register', cloned, {
    call: async (name, path, body) => {
      assert.equal(name + path, 'pki/internal/revoke')
      revoked.push(body)
      return Response.json({ revoked: [] })
    },
  })
  const token = await insertToken(cloned.db, 'ops', scope)
  const deps = await createDeps(host)
  const ask = asker('register', handler, deps, token)
  const tick = async () => {
    const request = signedRequest('register', '/cron?tick=1', {
      caller: 'connector',
      method: 'POST',
    })
    assert.equal((await handler(request, deps)).status, 204)
  }
  return {
    cloned,
    ask,
    revoked,
    deps,
    tick,
    [Symbol.asyncDispose]: () => cloned[Symbol.asyncDispose](),
  }
}
