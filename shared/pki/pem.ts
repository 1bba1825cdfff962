import { DerError } from './der-read.ts'

const LINE = /.{1,64}/g

/** RFC 7468 text of DER. */
export function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(LINE) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

export const certificatePem = (der: Buffer): string => toPem('CERTIFICATE', der)

/** DER of the first block with one of these labels. */
export function fromPem(text: string, ...labels: readonly string[]): Buffer {
  const [first] = blocks(text, labels)
  if (first === undefined) throw new DerError(`no ${labels[0] ?? 'PEM'} block`)
  return first
}

/** DER of every block with one of these labels, in order. */
export function blocks(text: string, labels: readonly string[]): Buffer[] {
  const found: Buffer[] = []
  const pattern =
    /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,40})-----/g
  for (const [, begin = '', body = '', end = ''] of text.matchAll(pattern)) {
    if (begin === end && labels.includes(begin)) found.push(fromBase64(body))
  }
  return found
}

/** RFC 4648 §4 with the white space that RFC 8951 §3.1 lets a sender put in; all else is refused, which Buffer.from would skip. */
export function fromBase64(text: string): Buffer {
  const dense = text.replace(/[\r\n\t ]+/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(dense) || dense.length % 4 !== 0) {
    throw new DerError('not base64')
  }
  return Buffer.from(dense, 'base64')
}
