// Operators who write through the edge of an installation while its secrets are replaced, and what clients see of it.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { HopRoot } from '../../infra/connector/hop-root.ts'
import type { Apart } from './apart.ts'
import { operatorRequest } from './shadow-fleet.ts'

const WRITERS = 3
const PAUSE_MS = 40
const agent = new Agent({ keepAlive: true })

export interface EdgeAnswer {
  readonly status: number
  readonly text: string
}

/** One request to the edge by an operator's token. */
export function askEdge(
  apart: Apart,
  token: string,
  method: string,
  target: string,
  body?: object,
): Promise<EdgeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<EdgeAnswer>()
  const text = body === undefined ? undefined : JSON.stringify(body)
  const sent = request(
    {
      ...{ host: 'localhost', port: apart.haproxy.port, path: target, method, agent },
      ca: readFileSync(path.join(apart.data, 'ca.pem')),
      headers: {
        authorization: `Bearer ${token}`,
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
      },
    },
    (response) => {
      let answer = ''
      response.on('data', (chunk: Buffer) => {
        answer += chunk.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }))
      response.on('error', reject)
    },
  )
  // A kept connection that the server closed in the moment of its use: HTTP lets a client ask again what it may repeat.
  sent.on('error', (error) => {
    if (sent.reusedSocket) resolve(askEdge(apart, token, method, target, body))
    else reject(error)
  })
  sent.end(text)
  return promise
}

export interface Writing {
  /** Of the writes so far. */
  readonly calls: number
  /** What was answered otherwise than 200. */
  readonly failed: readonly string[]
  stop(): Promise<void>
}

/** Writes what is desired of the devices, each time by the token that is in use then. */
export function startWriting(
  apart: Apart,
  ids: readonly string[],
  tokenNow: () => string,
): Writing {
  const stop = new AbortController()
  const failed: string[] = []
  let calls = 0
  // Each device has one writer: what it was told last is what was written last.
  const one = async (writer: number) => {
    const own = ids.filter((_id, at) => at % WRITERS === writer)
    for (let n = 1; !stop.signal.aborted; n++) {
      const target = `/api/v1/devices/${own[n % own.length] ?? ''}/shadow`
      const body = { state: { desired: { n } } }
      try {
        const { status, text } = await askEdge(apart, tokenNow(), 'PATCH', target, body)
        if (status !== 200) failed.push(`${status} ${text}`)
      } catch (error) {
        failed.push(String(error))
      }
      calls += 1
      await sleep(PAUSE_MS)
    }
  }
  const done = Promise.all(Array.from({ length: WRITERS }, (_, writer) => one(writer)))
  return {
    get calls() {
      return calls
    },
    failed,
    stop: async () => {
      stop.abort()
      await done
      agent.destroy()
    },
  }
}

/** The certificate that a server shows, by its fingerprint. */
export function shownCertificate(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  // It is looked at, not trusted.
  const socket = connectTls({ host: 'localhost', port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
    socket.destroy()
  })
  socket.on('error', reject)
  return promise
}

/** The status of a write that says nothing, signed as the edge by this root, past the edge. */
export async function signedBy(apart: Apart, hop: HopRoot, token: string): Promise<number> {
  const signed = operatorRequest(hop, token, 'c0', {})
  const url = `${apart.gatewayUrl}/function/shadow-update`
  const { headers } = signed
  const answer = await fetch(url, { method: 'PATCH', headers, body: await signed.text() })
  await answer.arrayBuffer()
  return answer.status
}
