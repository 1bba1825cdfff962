import { lookup } from 'node:dns'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { mayReach, urlFault } from './address.ts'

/** How an attempt ended: the status, or why there was none. */
export type Sent =
  | { readonly status: number }
  | { readonly status: undefined; readonly problem: string }

export interface Outgoing {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly allowLoopback: boolean
}

const TIMEOUT_MS = 15_000

// The address is judged when it is connected to: a name that resolves to something else a moment later gains nothing.
function guardedLookup(allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '', 0)
        return
      }
      const fit = addresses.filter(({ address }) => mayReach(address, allowLoopback))
      const [first] = fit
      if (first === undefined) {
        callback(new Error('this address is not reached'), '', 0)
      } else if (options.all === true) callback(null, fit)
      else callback(null, first.address, first.family)
    })
  }
}

/** Posts once: no redirects, 15 seconds, whatever is answered is not read. */
export function send({ url, headers, body, allowLoopback }: Outgoing): Promise<Sent> {
  const fault = urlFault(url, allowLoopback)
  if (fault !== undefined) return Promise.resolve({ status: undefined, problem: fault })
  const { promise, resolve } = Promise.withResolvers<Sent>()
  const make = url.startsWith('https:') ? httpsRequest : httpRequest
  const asked: ClientRequest = make(
    url,
    {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      lookup: guardedLookup(allowLoopback),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    },
    (response: IncomingMessage) => {
      resolve({ status: response.statusCode ?? 0 })
      response.destroy()
    },
  )
  asked.on('error', (error) => {
    const late = error.name === 'TimeoutError' || error.name === 'AbortError'
    resolve({ status: undefined, problem: late ? 'no answer within 15 s' : error.message })
  })
  asked.end(body)
  return promise
}

export const isDelivered = (sent: Sent): boolean =>
  sent.status !== undefined && sent.status >= 200 && sent.status < 300
