// Every route of the table really asked by every identity, through TLS, edge and the real functions.
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import test, { after } from 'node:test'
import { expectation, IDENTITIES, type MatrixIdentity } from '../../infra/build/matrix.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { readRoute, type Route, type RouteRule } from '../../shared/http/route.ts'
import { newHierarchy } from '../support/authority.ts'
import { insertCertificate, insertDevice, type ShownCertificate } from '../support/certificate.ts'
import { makeClientCertificates, type LeafName } from '../support/client-certificates.ts'
import { ceremonySecrets } from '../support/identity.ts'
import { mountableFunctions, startMounted } from '../support/mounted.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase } from '../support/postgres.ts'

const certificates = makeClientCertificates()
const database = await cloneDatabase()
const { db } = database
const secrets = Object.fromEntries(ceremonySecrets(newHierarchy()))
const muster = await startMounted(database, certificates, mountableFunctions(), secrets)

interface Who {
  readonly agent: Agent
  readonly token?: string
  /** The device's own id. */
  readonly own?: string
}

function agentOf(leaf?: LeafName): Agent {
  const identity = leaf && certificates.leaf(leaf)
  return new Agent({ keepAlive: true, maxSockets: 2, ca: certificates.server.cert, ...identity })
}

function shown(leaf: LeafName): ShownCertificate {
  const certificate = new X509Certificate(certificates.leaf(leaf).cert)
  const der = Buffer.from(certificate.raw)
  const serial = Buffer.from(certificate.serialNumber, 'hex')
  return { der, serial, sha256: createHash('sha256').update(der).digest() }
}

await insertDevice(db, 'dev-1')
await insertCertificate(db, 'dev-1', shown('dev1'))
await insertDevice(db, 'dev-2', { status: 'suspended' })
await insertCertificate(db, 'dev-2', shown('dev2'))
await insertDevice(db, 'dev-9')
await insertCertificate(db, 'dev-9', shown('revoked'), { state: 'revoked' })
await db.unnamed(
  'claim',
  `insert into bootstrap_credentials (credential_id, kind, certificate, expires_at, max_uses) values ('c', 'claim', $1, now() + interval '1 day', 1)`,
  [shown('claim1').der],
)

const anonymous = agentOf()
const tokenOf = async (scope: string): Promise<Who> => ({
  agent: anonymous,
  token: await insertToken(db, scope, [scope]),
})
const device = agentOf('dev1')
const people: Record<MatrixIdentity, Who> = {
  none: { agent: anonymous },
  R: await tokenOf('read'),
  O: await tokenOf('operate'),
  A: await tokenOf('admin'),
  pm: await tokenOf('metrics'),
  do: { agent: device, own: 'dev-1' },
  dx: { agent: device },
  su: { agent: agentOf('dev2'), own: 'dev-2' },
  rv: { agent: agentOf('revoked'), own: 'dev-9' },
  cl: { agent: agentOf('claim1') },
}
after(async () => {
  for (const { agent } of Object.values(people)) agent.destroy()
  await muster[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  certificates[Symbol.dispose]()
})

interface Answer {
  readonly status: number
  readonly text: string
}

function ask(method: string, target: string, { agent, token }: Who): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const body = method === 'GET' ? undefined : '{}'
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': 2 }),
  }
  const options = { host: 'localhost', port: muster.edgePort, path: target, method, agent, headers }
  const sent = request(options, (response) => {
    const chunks: Buffer[] = []
    const finish = () => {
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
    }
    response.on('error', reject).on('end', finish)
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (response.headers['content-type']?.startsWith('text/event-stream')) {
        finish()
        response.destroy()
      }
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

// An id that nothing has, so that what is allowed finds nothing and changes nothing.
function targetOf({ template, self }: Route, { own }: Who): string {
  return template
    .replace(/\{([a-z]+)\}/g, (_, name: string) => (name === self && own ? own : '999999'))
    .replace('*', 'muster.css')
}

// A device may download what an open action of its own names, and nothing else; there is none here.
const BY_ACTION = '/api/v1/artifacts/{id}/content'

function expectedOf(route: Route, rule: RouteRule, who: MatrixIdentity): string {
  const byAction = route.template === BY_ACTION && (who === 'do' || who === 'dx')
  return byAction ? '403' : expectation(route, rule, who)
}

function check(expected: string, { status, text }: Answer): void {
  if (expected === 'ask') assert.ok(status === 400 || status === 401, `${status} ${text}`)
  else if (expected !== '2xx') assert.equal(String(status), expected, text)
  else {
    // 503: health, or an authority that is not there, is said to whom it may be said.
    const passed = ![401, 403, 405].includes(status) && (status < 500 || status === 503)
    assert.ok(passed, `${status} ${text}`)
    assert.ok(!text.includes('route.not_found'), 'the function does not serve what the table says')
  }
}

for (const route of ROUTES.map(readRoute))
  for (const [method, rule] of Object.entries(route.methods))
    test(`asked/${method} ${route.template}`, async () => {
      for (const who of IDENTITIES) {
        const expected = expectedOf(route, rule, who)
        const answer = await ask(method, targetOf(route, people[who]), people[who])
        try {
          check(expected, answer)
        } catch (error) {
          const got = `${answer.status} ${answer.text}`
          throw new Error(`${who}: expected ${expected}: ${got}`, { cause: error })
        }
      }
    })
