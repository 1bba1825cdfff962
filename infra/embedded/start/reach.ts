import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, StartFault } from './fault.ts'

const PATIENCE_SECONDS = 10
const PAUSE_MS = 250

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ENOTFOUND: 'is not known',
  EAI_AGAIN: 'is not known',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'does not answer',
}

function problem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_SECONDS * 1000 })
    const end = (word: string | undefined) => {
      socket.destroy()
      resolve(word)
    }
    socket.once('connect', () => end(undefined))
    socket.once('timeout', () => end(WORDS['ETIMEDOUT']))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const code = error instanceof AggregateError ? firstCode(error) : error.code
      end(WORDS[code ?? ''] ?? error.message)
    })
  })
}

function firstCode(error: AggregateError): string | undefined {
  const [first]: unknown[] = error.errors
  return first instanceof Error && 'code' in first ? String(first.code) : undefined
}

/**
 * Waits until a server of the operator's takes connections: it may be starting at the same moment.
 * @throws {StartFault} after ten seconds
 */
export async function waitFor(setting: string, url: string, usualPort: number): Promise<void> {
  // A user without a host, as PostgreSQL writes a socket's URL, is no URL of the WHATWG; a socket is not waited for.
  const parsed = URL.parse(url)
  if (parsed === null || parsed.hostname === '') return
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  const port = parsed.port === '' ? usualPort : Number(parsed.port)
  const until = performance.now() + PATIENCE_SECONDS * 1000
  for (;;) {
    const found = await problem(host, port)
    if (found === undefined) return
    if (performance.now() > until) {
      const line = `${setting}: ${parsed.hostname}:${port} ${found} for ${PATIENCE_SECONDS} s`
      throw new StartFault(EXIT.unreachable, line)
    }
    await sleep(PAUSE_MS)
  }
}
