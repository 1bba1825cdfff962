// Weak RSA keys that a device can bring along without knowing it (Boulder's goodkey has the same rules): a small factor, two
// primes too close to each other, and the Infineon generator of CVE-2017-15361 (ROCA).

const FERMAT_ROUNDS = 110
const SMALL = primesBelow(752)
const SMALL_PRODUCT = SMALL.reduce((product, prime) => product * BigInt(prime), 1n)

// Primes of the published ROCA test: each modulus of such a key is a power of 65537 modulo every one of them.
const ROCA_PRIMES = SMALL.filter((prime) => prime > 2 && prime <= 167)
const ROCA_POWERS = ROCA_PRIMES.map((prime) => ({
  prime: BigInt(prime),
  powers: powersOf65537(prime),
}))

/** What is wrong with a modulus (big-endian), or undefined. */
export function weakModulus(modulus: Buffer): string | undefined {
  const n = BigInt(`0x${modulus.toString('hex')}`)
  if (gcd(n, SMALL_PRODUCT) !== 1n) return 'it has a small factor'
  if (ROCA_POWERS.every(({ prime, powers }) => powers.has(n % prime))) {
    return 'it has the mark of CVE-2017-15361'
  }
  return primesAreClose(n) ? 'its primes are too close' : undefined
}

// Fermat: if n = a² - b² for an a just above √n, the primes a ± b are found at once.
function primesAreClose(n: bigint): boolean {
  let a = squareRoot(n)
  if (a * a < n) a++
  for (let round = 0; round < FERMAT_ROUNDS; round++, a++) {
    if (isSquare(a * a - n)) return true
  }
  return false
}

const SQUARES_MOD_64 = new Set(Array.from({ length: 64 }, (_, i) => BigInt((i * i) % 64)))
const SQUARES_MOD_45045 = new Set(Array.from({ length: 45045 }, (_, i) => BigInt((i * i) % 45045)))

// Two residues keep all but one number in several hundred from the slow root.
function isSquare(value: bigint): boolean {
  if (!SQUARES_MOD_64.has(value & 63n) || !SQUARES_MOD_45045.has(value % 45045n)) return false
  const root = squareRoot(value)
  return root * root === value
}

function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

function gcd(a: bigint, b: bigint): bigint {
  let [high, low] = [a, b]
  while (low !== 0n) [high, low] = [low, high % low]
  return high
}

function powersOf65537(prime: number): ReadonlySet<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1; !powers.has(BigInt(power)); power = (power * 65537) % prime) {
    powers.add(BigInt(power))
  }
  return powers
}

function primesBelow(limit: number): number[] {
  const found: number[] = []
  for (let candidate = 2; candidate < limit; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate)
  }
  return found
}
