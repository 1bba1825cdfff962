// Two instances of each function on one database, a way between them that loses calls and answers, and devices that ask until they are answered.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createCsr } from '../../infra/demo/csr.ts'
import type { InternalCall } from '../../shared/host.ts'
import { newHierarchy } from '../support/authority.ts'
import { allow, insertBootstrapToken, startIdentity } from '../support/identity.ts'
import { cloneDatabase } from '../support/postgres.ts'

const DEVICES = 40
const USES = 25
const LOST = 0.25

/** A small generator with a seed, so that a failing run can be had again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Loses calls before they arrive, and answers after the work was done. */
function lossy(next: () => number): (call: InternalCall) => InternalCall {
  return (call) => async (name, path, body) => {
    if (next() < LOST) throw new Error('the call was lost')
    const response = await call(name, path, body)
    if (next() < LOST) throw new Error('the answer was lost')
    return response
  }
}

test('ok/lost calls and answers, two instances, everyone at once: counts are exact, nobody has two certificates of a key', async () => {
  await using cloned = await cloneDatabase()
  const faster = `insert into settings (name, value, updated_by) values ('rate.failure', '100000', 'test')`
  await cloned.db.unnamed('rate', faster, [])
  const next = random(20_261_124)
  const hierarchy = newHierarchy()
  const instances = [
    await startIdentity(cloned, undefined, hierarchy, {}, lossy(next)),
    await startIdentity(cloned, undefined, hierarchy, {}, lossy(next)),
  ] as const
  const token = await insertBootstrapToken(cloned.db, { uses: USES })
  const names = Array.from({ length: DEVICES }, (_, i) => `f-${i}`)
  await Promise.all(names.map((name) => allow(cloned.db, name)))

  const live = async (name: string): Promise<string | undefined> => {
    const csr = createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }), name)
    const body = { device_id: name, csr, token: token.text }
    for (let attempt = 0; attempt < 40; attempt++) {
      const one = next() < 0.5 ? instances[0] : instances[1]
      // Impatient: it asks twice at once.
      const answers = await Promise.all([
        one.call('enroll', '/api/v1/enroll', { body }),
        instances[attempt % 2 === 0 ? 0 : 1].call('enroll', '/api/v1/enroll', { body }),
      ])
      const done = answers.find(({ status }) => status === 200)
      if (done) return ((await done.json()) as { certificate: string }).certificate
      const statuses = answers.map(({ status }) => status)
      assert.ok(
        statuses.every((status) => status === 401 || status === 503),
        String(statuses),
      )
      if (statuses.every((status) => status === 401)) return undefined
    }
    throw new Error(`${name} was never answered`)
  }
  const certificates = await Promise.all(names.map(live))
  assert.equal(certificates.filter((each) => each !== undefined).length, USES)
  const [row] = await cloned.db.unnamed<Record<string, bigint>>(
    'counts',
    `select (select used from credential_uses) as used, (select sum(uses) from allowlist)::bigint as allowed,
            (select count(*) from certificates) as certificates, (select count(distinct device_id) from certificates) as devices,
            (select count(*) from devices) as registered, (select count(*) from enrollments where state = 'issued') as issued,
            (select count(*) from audit where verb = 'certificate.issue') as audited, (select issued_today from issuers where state = 'active') as quota`,
    [],
  )
  const uses = BigInt(USES)
  assert.deepEqual(row, {
    used: uses,
    allowed: uses,
    certificates: uses,
    devices: uses,
    registered: uses,
    issued: uses,
    audited: uses,
    quota: uses,
  })
})
