// Asks an edge by bytes on the wire; the function behind it is `echo` of edge.ts.
import assert from 'node:assert/strict'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificates, LeafName } from './client-certificates.ts'
import type { Seen } from './edge.ts'
import { openTls, sendText, type WireAnswer, type WireOptions } from './wire.ts'

export const EST = '/.well-known/est/'
export const HOST = 'Host: localhost\r\n'

export type AskOptions = Omit<WireOptions, 'port'> & { readonly as?: LeafName }

export class EdgeClient {
  readonly port: number
  readonly certificates: ClientCertificates

  constructor(port: number, certificates: ClientCertificates) {
    this.port = port
    this.certificates = certificates
  }

  send(text: string, { as, ...options }: AskOptions = {}): Promise<WireAnswer> {
    const identity = as && this.certificates.leaf(as)
    return sendText(text, { port: this.port, ...options, ...(identity && { identity }) })
  }

  get(target: string, headers = '', options: AskOptions = {}): Promise<WireAnswer> {
    return this.send(`GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`, options)
  }

  post(target: string, headers: string, body = '', options: AskOptions = {}): Promise<WireAnswer> {
    return this.send(`POST ${target} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`, options)
  }

  open(options: Omit<WireOptions, 'port'> = {}): Promise<TLSSocket> {
    return openTls({ port: this.port, ...options })
  }
}

/** What the function saw; the edge must have let the request through. */
export async function seen(answer: Promise<WireAnswer>): Promise<Seen> {
  const { body, text, status } = await answer
  assert.equal(status, 200, text)
  const value: Seen = JSON.parse(body)
  return value
}

export const chunked = (...parts: string[]) =>
  `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`

/** A behaviour that every edge must show. */
export type Case = readonly [name: string, run: (edge: EdgeClient) => Promise<void>]
