const LINE = 64

/**
 * A body as every EST client reads it: base64 on one line, since strongSwan corrupts bytes at line ends, but wrapped for libest, which reads only so;
 * with a length, since chunks break three of four clients; and always with the transfer encoding, without which Bouncy Castle reads the text as DER.
 */
export function estBody(request: Request, der: Buffer, type: string): Response {
  const text = der.toString('base64')
  const wraps = /^libest/i.test(request.headers.get('user-agent') ?? '')
  const body = wraps ? wrapped(text) : text
  return new Response(body, {
    headers: {
      'content-type': type,
      'content-transfer-encoding': 'base64',
      'content-length': String(Buffer.byteLength(body)),
    },
  })
}

function wrapped(text: string): string {
  const lines: string[] = []
  for (let at = 0; at < text.length; at += LINE) lines.push(text.slice(at, at + LINE))
  return `${lines.join('\r\n')}\r\n`
}

/** An answer without a body: some clients fail on any. */
export function estEmpty(status: number, headers: Record<string, string>): Response {
  return new Response(null, {
    status,
    headers: status === 204 ? headers : { ...headers, 'content-length': '0' },
  })
}
