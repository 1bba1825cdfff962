import { readCertificate, type Certificate } from './certificate-read.ts'
import { DerError } from './der-read.ts'
import { bitString, context, integer, sequence, time } from './der-write.ts'
import type { Issuer } from './issuer.ts'
import type { PublicKey } from './key.ts'
import { newSerial } from './serial.ts'

/** What a certificate is to say. Extensions are complete, in order, authority key id included. */
export interface Content {
  readonly subject: Buffer
  readonly key: PublicKey
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Buffer[]
  readonly serial?: Buffer
}

const V3 = context(0, integer(Buffer.from([2])))
export const BACKDATE_MS = 300_000

/**
 * Signs, then reads the result back and compares it with what was asked: a fault of template or hardware never leaves as a
 * certificate. The check costs a quarter of an issuance.
 */
export function signCertificate(issuer: Issuer, content: Content): Certificate {
  const serial = content.serial ?? newSerial()
  const notAfter = earlier(content.notAfter, issuer.notAfter)
  const signed = sequence(
    V3,
    integer(serial),
    issuer.algorithm,
    issuer.subject,
    sequence(time(content.notBefore), time(notAfter)),
    content.subject,
    content.key.spki,
    context(3, sequence(...content.extensions)),
  )
  const der = sequence(signed, issuer.algorithm, bitString(issuer.sign(signed)))
  const certificate = readCertificate(der)
  checkOwn(issuer, certificate, { ...content, serial, notAfter })
  return certificate
}

function checkOwn(issuer: Issuer, made: Certificate, wanted: Content & { serial: Buffer }): void {
  const faults = [
    made.serial.equals(wanted.serial) || 'serial',
    made.issuer.equals(issuer.subject) || 'issuer',
    made.subject.equals(wanted.subject) || 'subject',
    made.key.spki.equals(wanted.key.spki) || 'key',
    made.notAfter <= issuer.notAfter || 'end',
    made.notBefore < made.notAfter || 'validity',
    sameSeconds(made.notAfter, wanted.notAfter) || 'end',
    made.extensions.length === wanted.extensions.length || 'extensions',
    issuer.verify(made.signed, made.signature) || 'signature',
  ].filter((fault) => fault !== true)
  if (faults.length > 0)
    throw new DerError(`the signed certificate is faulty: ${faults.join(', ')}`)
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b
}

function sameSeconds(a: Date, b: Date): boolean {
  return Math.floor(a.getTime() / 1000) === Math.floor(b.getTime() / 1000)
}
