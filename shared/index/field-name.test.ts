import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalName, placeOf, splitName, type FieldPlace } from './field-name.ts'

const shadow = (section: 'desired' | 'reported', path: string[], name = ''): FieldPlace => ({
  kind: 'shadow',
  shadow: name,
  section,
  path,
})

const places: [name: string, place: FieldPlace | undefined][] = [
  ['shadow.reported.temp', shadow('reported', ['temp'])],
  ['shadow.desired.a.b', shadow('desired', ['a', 'b'])],
  ['shadow.reported."a.b"."c""d"', shadow('reported', ['a.b', 'c"d'])],
  ['shadow.name.net.reported.ip', shadow('reported', ['ip'], 'net')],
  ['shadow.name."a:b".desired.x', shadow('desired', ['x'], 'a:b')],
  ['shadow.reported.reported', shadow('reported', ['reported'])],
  ['attribute.site', { kind: 'attribute', key: 'site' }],
  ['attribute.os.name', { kind: 'attribute', key: 'os.name' }],
  ['attribute."os.name"', { kind: 'attribute', key: 'os.name' }],
  ['shadow.reported', undefined],
  ['shadow.name.net', undefined],
  ['shadow.name.net.reported', undefined],
  ['shadow.name."a b".reported.x', undefined],
  ['shadow.delta.x', undefined],
  ['shadow.reported.a.b.c.d.e.f.g.h.i', undefined],
  ['attribute', undefined],
  ['firmware_ver', undefined],
  ['shadow..x', undefined],
  ['shadow.reported.a b', undefined],
  ['shadow.reported."a', undefined],
  ['shadow.reported.""', undefined],
  ['', undefined],
]

for (const [name, place] of places) {
  test(`ok/place of ${name}`, () => assert.deepEqual(placeOf(name), place))
}

test('ok/names are kept as the fleet language prints them', () => {
  assert.equal(canonicalName('shadow.reported."temp"'), 'shadow.reported.temp')
  assert.equal(canonicalName('attribute."os.name"'), 'attribute.os.name')
  assert.equal(canonicalName('shadow.reported."a.b"'), 'shadow.reported."a.b"')
  assert.throws(() => canonicalName('shadow.x'), { code: 'index.invalid' })
  assert.deepEqual(splitName('a."b""c".d'), ['a', 'b"c', 'd'])
})
