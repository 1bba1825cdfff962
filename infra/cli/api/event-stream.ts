import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { ApiError, UnreachableError } from './problem.ts'
import type { Transport } from './transport.ts'

export interface ServerEvent {
  readonly id: string
  readonly kind: string
  readonly data: string
}

/** Longest line: an event is far smaller, so more is no event stream. */
const LINE_MAX = 1024 * 1024
const AGAIN_MS = 1_000

/** Reads `text/event-stream` (HTML, 9.2.6): Node 24 has no EventSource. */
export async function* readEvents(body: Readable): AsyncGenerator<ServerEvent> {
  let rest = ''
  let event = { id: '', kind: 'message', data: [] as string[] }
  body.setEncoding('utf8')
  for await (const chunk of body) {
    rest += String(chunk)
    if (rest.length > LINE_MAX) throw new UnreachableError('what answers is no event stream')
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (event.data.length > 0) yield { ...event, data: event.data.join('\n') }
        event = { id: event.id, kind: 'message', data: [] }
        continue
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (name === 'id') event.id = value
      else if (name === 'event') event.kind = value
      else if (name === 'data') event.data.push(value)
    }
  }
}

/**
 * Events after the one named, as they come. The server ends a stream now and then, so it is opened again after the last one seen;
 * with a first one to begin after, none is missed between two streams.
 */
export async function* followEvents(
  transport: Transport,
  target: string,
  signal: AbortSignal,
  after?: string,
): AsyncGenerator<ServerEvent> {
  let last = after
  while (!signal.aborted) {
    const headers = {
      // Some gateways stream only what begins with this type.
      accept: 'text/event-stream',
      ...(last !== undefined && { 'last-event-id': last }),
    }
    const answer = await transport({ method: 'GET', target, headers, signal })
    if (answer.status !== 200) {
      answer.body.resume()
      if (answer.status < 500) throw new ApiError(answer.status, { title: 'events are not given' })
    } else {
      for await (const event of readEvents(answer.body)) {
        if (event.id !== '') last = event.id
        yield event
      }
    }
    await sleep(AGAIN_MS, undefined, { signal })
  }
}
