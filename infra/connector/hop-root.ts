const KID = 'k1'
const ROOT = /^(?:([A-Za-z0-9_-]{1,32}):)?([A-Za-z0-9+/]{43}=)$/

/** Reads the root key of a caller: base64 of 32 bytes, with `kid:` before it while keys are rotated. Throws without showing it. */
export function parseHopRoot(secret: Buffer): { kid: string; root: Buffer } {
  const match = ROOT.exec(secret.toString('latin1').trim())
  if (match === null) throw new Error('HOP_ROOT is not base64 of 32 bytes')
  return { kid: match[1] ?? KID, root: Buffer.from(match[2] ?? '', 'base64') }
}
