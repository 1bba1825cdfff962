// Bytes on a TLS connection, as written: what an HTTP client would not send, or would hide.
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

export interface WireOptions {
  readonly port: number
  readonly identity?: { readonly cert: string; readonly key: string }
  readonly tls?: ConnectionOptions
  /** Without an end by the server the answer counts after so long. */
  readonly waitMs?: number
}

export interface WireAnswer {
  readonly text: string
  readonly status: number
  /** How the exchange ended: `closed` by the server, still `open`, or an error's code. */
  readonly end: string
  /** What follows the first empty line. */
  readonly body: string
}

export function openTls({ port, identity, tls }: WireOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ...identity, ...tls },
      () => resolve(socket),
    )
    socket.on('error', reject)
  })
}

/** Sends text and collects what comes back until the end, or until nothing came for a while. */
export async function sendText(text: string, options: WireOptions): Promise<WireAnswer> {
  let socket: TLSSocket
  try {
    socket = await openTls(options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
    return { text: '', status: 0, end: code, body: '' }
  }
  socket.write(text, 'latin1')
  return await collect(socket, options.waitMs ?? 400)
}

// After a whole answer: time for the server to close, if it does.
const WHOLE_MS = 40

/** Whether the text is one answer with its whole body, by its length. */
function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n')
  const length = /\r\nContent-Length: (\d+)\r\n/.exec(text)?.[1]
  return head > 0 && length !== undefined && text.length === head + 4 + Number(length)
}

/** Collects until the end, until nothing came for `waitMs`, or for `wholeMs` after one whole answer. */
export function collect(
  socket: TLSSocket,
  waitMs: number,
  wholeMs = WHOLE_MS,
): Promise<WireAnswer> {
  return new Promise((resolve) => {
    let text = ''
    const finish = (end: string) => {
      clearTimeout(timer)
      socket.destroy()
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      resolve({ text, status: Number(text.slice(9, 12)), end, body })
    }
    let timer = setTimeout(finish, waitMs, 'open')
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(finish, isWhole(text) ? wholeMs : waitMs, 'open')
    })
    socket.on('end', () => finish('closed'))
    socket.on('close', () => finish('closed'))
    socket.on('error', (error: Error & { code?: string }) => finish(error.code ?? 'failed'))
  })
}
