const KID = 'k1'
const ROOT = /^(?:([A-Za-z0-9_-]{1,32}):)?([A-Za-z0-9+/]{43}=)$/
const REREAD_MS = 10_000

/** What a caller derives its keys from, and the name under which callees know them. */
export interface HopRoot {
  readonly kid: string
  readonly root: Buffer
}

/** Fixed, or asked at each call, since roots rotate. */
export type HopSource = HopRoot | (() => HopRoot)

/** Reads the root key of a caller: base64 of 32 bytes, with `kid:` before it while keys are rotated. Throws without showing it. */
export function parseHopRoot(secret: Buffer): HopRoot {
  const match = ROOT.exec(secret.toString('latin1').trim())
  if (match === null) throw new Error('HOP_ROOT is not base64 of 32 bytes')
  return { kid: match[1] ?? KID, root: Buffer.from(match[2] ?? '', 'base64') }
}

/** A root that is read again every ten seconds: a new one needs no restart. What cannot be read changes nothing. */
export function rotatingHopRoot(first: HopRoot, read: () => Buffer | undefined): () => HopRoot {
  let known = first
  let until = performance.now() + REREAD_MS
  return () => {
    if (performance.now() < until) return known
    until = performance.now() + REREAD_MS
    try {
      const text = read()
      const next = text === undefined ? known : parseHopRoot(text)
      // The same object while nothing changed: keys that were derived from it stay good.
      if (next.kid !== known.kid || !next.root.equals(known.root)) known = next
    } catch {
      // Half a rotation: the root that was good stays so.
    }
    return known
  }
}
