import { context, integerOf, sequence, set } from './der-write.ts'
import { OID } from './oid.ts'

const VERSION = integerOf(1)
const NOTHING = set()
const NO_CONTENT = sequence(OID.data)

/** A degenerate SignedData (RFC 5652 §5, RFC 7030 §4.1.3): certificates, and nothing signed. */
export function certsOnly(certificates: readonly Buffer[]): Buffer {
  const signedData = sequence(VERSION, NOTHING, NO_CONTENT, context(0, ...certificates), NOTHING)
  return sequence(OID.signedData, context(0, signedData))
}
