// What only the edge may say (pki.md 1.9, trust.md 2), traces too, since who names one decides whether it is recorded; and what
// concerns one connection only. Names are compared with `_` read as `-`, since servers behind may take one for the other.
const FORBIDDEN =
  /^(client-cert|muster-|x-forwarded|forwarded$|traceparent$|tracestate$|baggage$|x-real-ip|x-(topic|connector|timeout|call-id|start-time|authority|controller-id|duration)|x-?ssl-|ssl-client|x-(client|amzn-mtls|arr)-)/
const CONNECTION = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
])

/** Whether a header concerns one connection only, and so is never handed on. */
export function isOfConnection(name: string): boolean {
  return CONNECTION.has(name.toLowerCase())
}

/** Whether a client's header must not reach a function. */
export function isForbidden(name: string): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-')
  return FORBIDDEN.test(plain) || CONNECTION.has(plain)
}

/**
 * A client's headers without what is not its own to say. What its `Connection` names is not looked at: a header of ours
 * could be named there, and is set afterwards.
 */
export function cleanHeaders(rawHeaders: readonly string[]): Headers {
  const headers = new Headers()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (!isForbidden(name)) headers.append(name, rawHeaders[index + 1] ?? '')
  }
  return headers
}
