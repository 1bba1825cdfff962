import { isIPv6 } from 'node:net'

/** Live limits of connections, per source: an IPv4 address or an IPv6 /64. */
export interface SourceLimits {
  readonly newPerSecond: number
  /** So many at once before the rate counts. */
  readonly burst: number
  readonly open: number
  /** Sources without limit, as `sourceOf` writes them: factories behind one address. */
  readonly trusted: readonly string[]
}

/** The defaults; each is a setting. */
export const SOURCE_LIMITS: SourceLimits = { newPerSecond: 20, burst: 100, open: 256, trusted: [] }

interface Source {
  tokens: number
  at: number
  open: number
}

// Beyond so many sources those that are idle and whole again are dropped.
const SWEEP_AT = 10_000

/** The address as it is signed: IPv4 inside IPv6 is IPv4, a zone is cut off. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
}

/** What limits count by: an IPv4 address, or the /64 of an IPv6 one. */
export function sourceOf(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  const words = [...left, ...Array.from({ length: Math.max(gap, 0) }, () => '0'), ...right]
  const prefix = words.slice(0, 4).map((word) => word.replace(/^0+(?=.)/, '').toLowerCase())
  return `${prefix.join(':')}::/64`
}

/** Counts connections by source, before the handshake. */
export class SourceLimit {
  readonly #limits: () => SourceLimits
  readonly #now: () => number
  readonly #sources = new Map<string, Source>()

  constructor(limits: () => SourceLimits, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#sources.size
  }

  /** Takes a connection in; false when it must be closed. Each true is given back by `leave`. */
  enter(source: string): boolean {
    const { newPerSecond, burst, open, trusted } = this.#limits()
    const now = this.#now()
    const known = this.#sources.get(source) ?? { tokens: burst, at: now, open: 0 }
    const tokens = Math.min(burst, known.tokens + ((now - known.at) / 1000) * newPerSecond)
    const free = trusted.includes(source)
    const admitted = free || (tokens >= 1 && known.open < open)
    this.#sources.set(source, {
      tokens: admitted && !free ? tokens - 1 : tokens,
      at: now,
      open: known.open + (admitted ? 1 : 0),
    })
    if (this.#sources.size > SWEEP_AT) this.#sweep(now, newPerSecond, burst)
    return admitted
  }

  leave(source: string): void {
    const known = this.#sources.get(source)
    if (known) known.open = Math.max(0, known.open - 1)
  }

  #sweep(now: number, newPerSecond: number, burst: number): void {
    for (const [source, { tokens, at, open }] of this.#sources)
      if (open === 0 && tokens + ((now - at) / 1000) * newPerSecond >= burst)
        this.#sources.delete(source)
  }
}
