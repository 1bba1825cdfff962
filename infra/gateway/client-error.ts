import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { DomainError, type ErrorCode } from '../../shared/errors.ts'
import { problem } from '../../shared/http/problem.ts'
import { edgeRefusals } from './edge-metrics.ts'

const CODES = new Map<string, ErrorCode>([
  ['HPE_HEADER_OVERFLOW', 'request.headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request.timeout'],
])

/** Answers what is no HTTP request that can be read, and ends the connection: what follows on it cannot be trusted. */
export function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  const { code: fault = '' } = error
  const isHead = fault.startsWith('HPE_') || CODES.has(fault)
  edgeRefusals.inc({ reason: isHead ? 'head' : 'connection' })
  // A handshake that failed or never ended, a connection that was reset: nobody could read an answer.
  if (!isHead || !socket.writable) {
    socket.destroy()
    return
  }
  const code = CODES.get(fault) ?? 'request.malformed'
  const body = problem(new DomainError(code), randomUUID())
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${body.status} ${STATUS_CODES[body.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}
