import { createHash, createHmac, randomBytes } from 'node:crypto'

/** What a device with a shared key shows: HMAC over five lines (docs/native.md). */
export function shownSharedKey(id: string, key: Buffer, device: string, csrPem: string): object {
  const time = Math.floor(Date.now() / 1000)
  const nonce = randomBytes(12).toString('hex')
  const der = Buffer.from(csrPem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  const digest = createHash('sha256').update(der).digest('hex')
  const text = `muster-enroll-1\n${device}\n${time}\n${nonce}\n${digest}\n`
  const mac = createHmac('sha256', key).update(text).digest('base64url')
  return { shared_key: { credential_id: id, time, nonce, mac } }
}
