import assert from 'node:assert/strict'
import { generateKeyPairSync, generatePrimeSync } from 'node:crypto'
import { test } from 'node:test'
import { weakModulus } from './rsa-weakness.ts'

const bytes = (value: bigint) => {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

test('fail/rsa a small factor', () => {
  const prime = generatePrimeSync(1024, { bigint: true })
  assert.match(weakModulus(bytes(prime * 751n)) ?? '', /small factor/)
})

test('fail/rsa two primes next to each other', () => {
  const prime = generatePrimeSync(512, { bigint: true })
  let next = prime + 2n
  while (!probablyPrime(next)) next += 2n
  assert.match(weakModulus(bytes(prime * next)) ?? '', /too close/)
})

test('fail/rsa the mark of the Infineon generator', () => {
  // A number that is a power of 65537 modulo each of the primes tried, which a random one is with 2^-150.
  let product = 1n
  for (let p = 3; p <= 167; p += 2) if (probablyPrime(BigInt(p))) product *= BigInt(p)
  const marked = (65537n ** 5n % product) + product * generatePrimeSync(1200, { bigint: true })
  const odd = marked % 2n === 0n ? marked + product : marked
  const reason = weakModulus(bytes(odd))
  assert.ok(reason === undefined ? false : /CVE-2017-15361|small factor/.test(reason), reason)
})

test('ok/rsa a key of OpenSSL', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n } = publicKey.export({ format: 'jwk' })
  assert.equal(weakModulus(Buffer.from(n ?? '', 'base64url')), undefined)
})

function probablyPrime(value: bigint): boolean {
  const base = 2n
  let result = 1n
  let power = base % value
  for (let exponent = value - 1n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % value
    power = (power * power) % value
  }
  return result === 1n
}
