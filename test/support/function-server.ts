// A function of a test's own behind a real HTTP server at /function/<name>, as the gateway has it: it checks the hop proof, reads
// the batch and answers as the test says.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { createVerifier } from '../../shared/hop/verify.ts'
import { encodeAnswer, parseBatch, type Answer, type Item } from '../../shared/mqtt/delivery.ts'

export interface BatchCall {
  readonly functionName: string
  readonly items: readonly Item[]
}

/** What the test's function does: an answer, a status, or any bytes. */
export type Behaviour = (
  call: BatchCall,
) => Answer | Response | 'hang' | Promise<Answer | Response | 'hang'>

export interface TickCall {
  readonly functionName: string
  readonly tick: number
}

export interface FunctionServer extends AsyncDisposable {
  readonly url: string
  readonly hop: { readonly kid: string; readonly root: Buffer }
  /** Every batch, in order of arrival. */
  readonly calls: BatchCall[]
  readonly ticks: TickCall[]
  behave(behaviour: Behaviour): void
  onTick(answer: (call: TickCall) => Response | Promise<Response>): void
}

/** All items done, nothing to publish. */
export const allDone = (items: readonly Item[], changed: Partial<Answer> = {}): Answer => ({
  verdicts: items.map(() => 'done'),
  outbox: [],
  more: false,
  frames: [],
  ...changed,
})

const doAll: Behaviour = ({ items }) => allDone(items)
const empty = () => new Response()

export async function startFunctionServer(root = randomBytes(32)): Promise<FunctionServer> {
  let behaviour: Behaviour = doAll
  let tickAnswer: (call: TickCall) => Response | Promise<Response> = empty
  const calls: BatchCall[] = []
  const ticks: TickCall[] = []
  const answer = async (functionName: string, target: string, request: Request) => {
    if (target.startsWith('/cron?tick=')) {
      const call = { functionName, tick: Number(target.slice(11)) }
      ticks.push(call)
      return tickAnswer(call)
    }
    const call = { functionName, items: await parseBatch(request) }
    calls.push(call)
    const result = await behaviour(call)
    if (result === 'hang' || result instanceof Response) return result
    return encodeAnswer(result)
  }
  const server = createServer((request, response) => {
    void take(root, request, response, answer)
  })
  server.keepAliveTimeout = 75_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    hop: { kid: 'k1', root },
    calls,
    ticks,
    behave: (next) => {
      behaviour = next
    },
    onTick: (next) => {
      tickAnswer = next
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function take(
  root: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  answer: (name: string, target: string, request: Request) => Promise<Response | 'hang'>,
): Promise<void> {
  try {
    const name = /^\/function\/([a-z-]+)$/.exec(request.url ?? '')?.[1] ?? ''
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const headers = new Headers()
    for (const [key, value] of Object.entries(request.headers)) {
      if (typeof value === 'string') headers.set(key, value)
    }
    const keys = [{ kid: 'k1', caller: 'connector', key: deriveHopKey(root, 'connector', name) }]
    const verifier = createVerifier({ callee: name, keys: () => keys, now: () => new Date() })
    const hop = verifier.verify('POST', headers)
    if (!hop.ok || !hop.proof.bodyHolds(hashBody(body))) {
      response.writeHead(401).end()
      return
    }
    const forwarded = new Request('http://test/', {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
    })
    const result = await answer(name, hop.proof.target, forwarded)
    if (result === 'hang') return
    response.writeHead(result.status, Object.fromEntries(result.headers))
    response.end(Buffer.from(await result.arrayBuffer()))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}
