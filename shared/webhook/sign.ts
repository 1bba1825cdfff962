import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'

/** A secret as operators and receivers write it (Standard Webhooks). */
export function secretText(key: Buffer): string {
  return PREFIX + key.toString('base64')
}

/** The headers of a delivery: one signature for each secret that holds, so that receivers may change theirs in their own time. */
export function signedHeaders(
  keys: readonly Buffer[],
  id: string,
  at: Date,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const signatures = keys.map((key) => {
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
    return `v1,${mac}`
  })
  return {
    'content-type': 'application/json',
    'user-agent': 'muster',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}
