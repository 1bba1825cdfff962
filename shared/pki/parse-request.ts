import { DomainError } from '../errors.ts'
import { readCsr, type Csr } from './csr.ts'
import { DerError } from './der-read.ts'
import { fromBase64, fromPem } from './pem.ts'

/** A request as PEM. Throws csr.invalid, whose detail says what is wrong with the bytes. */
export function parsePemRequest(pem: string): Csr {
  return refusing(() => readCsr(fromPem(pem, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')))
}

const SEQUENCE = 0x30

/** A request as EST clients send it: base64, but also PEM and plain DER, which their first byte tells apart. */
export function parseEstRequest(body: Buffer): Csr {
  return refusing(() => {
    if (body[0] === SEQUENCE) return readCsr(body)
    const text = body.toString('latin1')
    if (!text.startsWith('-----BEGIN')) return readCsr(fromBase64(text))
    return readCsr(fromPem(text, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'))
  })
}

function refusing(read: () => Csr): Csr {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError) throw new DomainError('csr.invalid', { detail: error.message })
    throw error
  }
}
