import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAuthority } from '../../shared/pki/authority.ts'
import { signCrl } from '../../shared/pki/crl-write.ts'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { newSerial, serialText } from '../../shared/pki/serial.ts'
import { CrlFault, nextCrlFile } from './crl-file.ts'

const HOUR_MS = 3_600_000
const now = new Date('2026-11-24T12:00:00Z')
const { root, issuing, crls } = createAuthority({ now, label: 'test' })
const [rootCrl = Buffer.alloc(0)] = crls
const issuer = openIssuer(issuing.certificate.der, issuing.key)

function candidates(number: bigint, serials: readonly Buffer[] = [], hours = 168) {
  const nextUpdate = new Date(now.getTime() + hours * HOUR_MS)
  const revoked = serials.map((serial) => ({ serial, revokedAt: now, reason: 0 }))
  return [
    { issuer_id: 1, certificate: root.certificate.der, der: rootCrl },
    {
      issuer_id: 2,
      certificate: issuing.certificate.der,
      der: signCrl(issuer, { number, thisUpdate: now, nextUpdate, revoked }),
    },
  ]
}

const first = nextCrlFile(undefined, candidates(5n), now).pem
const fails = (list: ReturnType<typeof candidates>, message: RegExp, at = now) =>
  assert.throws(() => nextCrlFile(first, list, at), message)

test('fail/crl-file an older one, another of the same number', () => {
  fails(candidates(4n), /number 4, 5 is installed/)
  fails(candidates(5n, [newSerial()]), /two CRLs of number 5/)
})

test('fail/crl-file one that ends within two days', () => fails(candidates(6n, [], 47), /48 hours/))

test('fail/crl-file signed by another authority', () => {
  const [, own] = candidates(6n)
  assert.ok(own)
  fails([{ ...own, certificate: root.certificate.der }], /not signed/)
})

test('fail/crl-file one changed byte, one cut off', () => {
  const [, own] = candidates(6n)
  assert.ok(own)
  const der = Buffer.from(own.der)
  der[der.length - 3] = (der.at(-3) ?? 0) ^ 1
  assert.throws(() => nextCrlFile(first, [{ ...own, der }], now))
  assert.throws(() => nextCrlFile(first, [{ ...own, der: own.der.subarray(0, -1) }], now))
})

test('fail/crl-file an authority that lost its CRL, or none at all', () => {
  fails(candidates(6n).slice(1), /no CRL any more/)
  assert.throws(() => nextCrlFile(undefined, [], now), CrlFault)
})

test('ok/crl-file tells who was added since', () => {
  const [old, fresh] = [newSerial(), newSerial()]
  const before = nextCrlFile(first, candidates(6n, [old]), now)
  assert.deepEqual(before.added, [serialText(old)])
  const after = nextCrlFile(before.pem, candidates(7n, [old, fresh]), now)
  assert.deepEqual(after.added, [serialText(fresh)])
  assert.deepEqual(nextCrlFile(undefined, candidates(7n, [old]), now).added, [])
})
