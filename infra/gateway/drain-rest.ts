import type { IncomingMessage, ServerResponse } from 'node:http'

const REST_BYTES = 1024 * 1024
const REST_MS = 5_000

/**
 * A client that is answered before its whole body is read may go on sending it, so that it reads the answer and not a
 * broken connection; within bounds. To be called before the answer is written.
 */
export function drainRest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return
  response.once('finish', () => {
    if (request.complete || request.destroyed) return
    let bytes = 0
    const cut = () => request.destroy()
    const timer = setTimeout(cut, REST_MS)
    request.once('close', () => clearTimeout(timer))
    request.once('end', () => clearTimeout(timer))
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > REST_BYTES) cut()
    })
    request.resume()
  })
}
