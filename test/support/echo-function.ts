// A function process that tells what reached it: the tests of the watchdog's stand-in run it in place of a bundle.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const { PORT = '3000', LISTEN_AFTER_MS = '0', ON_SIGTERM = 'serve' } = process.env
let cut = 0

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? ''
  const asked = new URLSearchParams(url.split('?')[1] ?? '')
  if (url === '/ready') return void response.end('ok')
  if (asked.has('exit')) process.exit(3)
  response.once('close', () => (cut += response.writableFinished ? 0 : 1))
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch {
    return
  }
  await sleep(Number(asked.get('wait') ?? 0))
  response.statusCode = Number(asked.get('status') ?? 200)
  response.setHeader('set-cookie', ['a=1', 'b=2'])
  const { method, headers, rawHeaders } = request
  const seen = { method, url, headers, rawHeaders, bytes, cut, sha256: hash.digest('hex') }
  response.end(JSON.stringify(seen))
}

const server = createServer((request, response) => void answer(request, response))
await sleep(Number(LISTEN_AFTER_MS))
server.listen(Number(PORT), '127.0.0.1')
process.once('SIGTERM', () => {
  process.stdout.write('heard SIGTERM\n')
  if (ON_SIGTERM !== 'close') return
  server.close(() => process.exit(0))
  server.closeAllConnections()
})
