const kept = new WeakMap<Request, Buffer>()

/** A request whose body is at hand: it is not copied into a stream, only to be read out of it again. */
export function withBody(request: Request, body: Buffer): Request {
  kept.set(request, body)
  return request
}

/** The body of a request, whole. */
export async function wholeBody(request: Request): Promise<Buffer> {
  return kept.get(request) ?? Buffer.from(await request.arrayBuffer())
}
