// Asks the mounted functions as an administrator, and judges what may never be in an answer.
import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { ERRORS } from '../../shared/errors.ts'
import { newHierarchy } from './authority.ts'
import { makeClientCertificates } from './client-certificates.ts'
import { ceremonySecrets } from './identity.ts'
import { mountableFunctions, startMounted } from './mounted.ts'
import { insertToken } from './operator.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

export interface Sent {
  readonly method: string
  readonly target: string
  readonly body?: string | Buffer | undefined
  readonly headers?: Record<string, string | string[]>
}

export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

export interface Asking extends AsyncDisposable {
  readonly database: TestDatabase
  readonly ask: (sent: Sent) => Promise<Answer>
}

/** All functions behind edge and gateway, asked by a token that may do everything. */
export async function startAsking(): Promise<Asking> {
  const certificates = makeClientCertificates()
  const database = await cloneDatabase()
  const secrets = Object.fromEntries(ceremonySecrets(newHierarchy()))
  const muster = await startMounted(database, certificates, mountableFunctions(), secrets)
  const token = await insertToken(database.db, 'admin', ['admin', 'metrics'])
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: certificates.server.cert })
  return {
    database,
    ask: (sent) => send(muster.edgePort, agent, token, sent),
    [Symbol.asyncDispose]: async () => {
      agent.destroy()
      await muster[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      certificates[Symbol.dispose]()
    },
  }
}

function send(port: number, agent: Agent, token: string, sent: Sent): Promise<Answer> {
  const { method, target, body, headers = {} } = sent
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const outgoing = request(
    {
      host: 'localhost',
      port,
      path: target,
      method,
      agent,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    },
    (response) => {
      const chunks: Buffer[] = []
      const finish = () => {
        const type = response.headers['content-type'] ?? ''
        resolve({ status: response.statusCode ?? 0, type, text: Buffer.concat(chunks).toString() })
      }
      response.on('error', finish).on('end', finish)
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (response.headers['content-type']?.startsWith('text/event-stream')) response.destroy()
      })
      response.on('close', finish)
    },
  )
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

// Words of PostgreSQL, of stack traces and of what was sent as a secret.
const TELLTALE =
  /\bat [^ ]+\.ts:\d|syntax error|invalid input syntax|violates|canary-value|node_modules/i

// EST clients read text, people pages; health says by its own document what fails.
const SPEAKS_OTHERWISE = /^\/(\.well-known\/est\/|errors\/|api\/v1\/health)/

export function judge(sent: Sent, { status, type, text }: Answer): void {
  const shown = `${sent.method} ${sent.target} ${String(sent.body).slice(0, 80)} → ${status} ${text.slice(0, 300)}`
  assert.ok(status < 500 || status === 503, shown)
  assert.doesNotMatch(text, TELLTALE, shown)
  if (status < 400 || text === '' || SPEAKS_OTHERWISE.test(sent.target)) return
  assert.match(type, /^application\/problem\+json/, shown)
  const problem: { code: string; status: number; call_id: string } = JSON.parse(text)
  assert.ok(Object.hasOwn(ERRORS, problem.code), shown)
  assert.equal(problem.status, status, shown)
  assert.match(problem.call_id, /^[0-9a-f-]{36}$/, shown)
}
