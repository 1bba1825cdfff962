import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { Item } from './api/client.ts'
import { ApiError } from './api/problem.ts'
import { errorText, EXIT } from './exit.ts'
import { readHealth } from './health.ts'
import { printItems, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import type { SessionCommand } from './verbs.ts'

const NODE_LEAST = 24
const SKEW_MS = 30_000
const DAY_MS = 86_400_000
const SOON_DAYS = 30
const CONNECT_MS = 10_000

const CHECKS: ListShape = {
  id: (item) => String(item['check']),
  columns: [
    { head: 'CHECK', from: 'check' },
    { head: 'RESULT', from: 'result', kind: 'state' },
    { head: 'DETAIL', from: 'detail' },
  ],
}

type Result = 'ok' | 'warning' | 'failed'
type Finding = readonly [result: Result, detail: string]
type Check = (session: Session) => Promise<Finding>

async function node(): Promise<Finding> {
  const { node: version } = process.versions
  return [Number(version.split('.')[0]) >= NODE_LEAST ? 'ok' : 'failed', version]
}

async function server(session: Session): Promise<Finding> {
  const { url, from } = await session.server()
  return ['ok', from === undefined ? url.origin : `${url.origin} (${from})`]
}

async function authority(session: Session): Promise<Finding> {
  const { ca } = await session.server()
  if (ca === undefined) return ['ok', "the system's"]
  return until(new X509Certificate(ca).validToDate, session)
}

function until(end: Date, session: Session): Finding {
  const days = Math.floor((end.getTime() - session.now().getTime()) / DAY_MS)
  if (days < 0) return ['failed', `expired ${end.toISOString()}`]
  return [days < SOON_DAYS ? 'warning' : 'ok', `until ${end.toISOString()}`]
}

/** The certificate that the server shows: the edge's own. A connection apart, since a resumed session has none to show. */
async function certificate(session: Session): Promise<Finding> {
  const { url, ca } = await session.server()
  if (url.protocol !== 'https:') return ['ok', 'none, plain HTTP on this machine']
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connect({ host, port: Number(url.port) || 443, ca, ...name })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_MS) })
    const end = socket.getPeerX509Certificate()?.validToDate
    return end === undefined ? ['failed', 'none'] : until(end, session)
  } finally {
    socket.destroy()
  }
}

/** Reaches the server, and compares its clock with ours: tokens and certificates are judged by both. */
async function reached(session: Session): Promise<Finding> {
  const transport = await session.transport()
  const before = session.now().getTime()
  const { headers, status, body } = await transport({ method: 'GET', target: '/api/v1/health' })
  body.resume()
  const took = session.now().getTime() - before
  const theirs = Date.parse(headers.date ?? '')
  const skew = Number.isNaN(theirs) ? 0 : Math.abs(theirs - before)
  if (skew > SKEW_MS + took) return ['failed', `its clock is ${Math.round(skew / 1000)} s off ours`]
  return ['ok', `answered ${status} in ${took} ms`]
}

async function health(session: Session): Promise<Finding> {
  const { status, parts } = await readHealth(session)
  const bad = parts.filter((part) => part['status'] !== 'ok')
  const told = bad.map(
    (part) => `${String(part['name'])}: ${String(part['problem'] ?? part['status'])}`,
  )
  const result = status === 'ok' || status === 'warning' ? status : 'failed'
  return [result, told.join('; ') || `${parts.length} parts`]
}

async function token(session: Session): Promise<Finding> {
  const { token: held } = await session.server()
  if (held === undefined) return ['failed', 'none: give --token-file, or muster login']
  try {
    await (await session.api()).page('devices', { limit: 1 })
    return ['ok', 'it may read']
  } catch (error) {
    if (error instanceof ApiError && error.status === 403)
      return ['warning', 'it may not read devices']
    throw error
  }
}

const STEPS: readonly (readonly [name: string, check: Check])[] = [
  ['node', node],
  ['server', server],
  ['authority', authority],
  ['reached', reached],
  ['certificate', certificate],
  ['health', health],
  ['token', token],
]

async function findingOf(session: Session, check: Check): Promise<Finding> {
  try {
    return await check(session)
  } catch (error) {
    const [line = ''] = errorText(error)
      .replace(/^muster: /, '')
      .split('\n')
    return ['failed', line]
  }
}

export const doctorCommand: SessionCommand = {
  path: ['doctor'],
  summary: 'checks what stands between this command and its server',
  run: async (session) => {
    const items: Item[] = []
    for (const [name, check] of STEPS) {
      const [result, detail] = await findingOf(session, check)
      items.push({ check: name, result, detail })
      // Without a server there is nothing more to ask.
      if (name === 'server' && result === 'failed') break
    }
    printItems(session, CHECKS, items)
    return items.some(({ result }) => result === 'failed') ? EXIT.refused : EXIT.ok
  },
}
