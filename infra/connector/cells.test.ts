import assert from 'node:assert/strict'
import test from 'node:test'
import { ConfigError } from '../../shared/config.ts'
import { parseCells } from './cells.ts'

const own = { caFile: '/ca.pem', certFile: '/me.pem', keyFile: '/me.key' }
const read = (text: string) => parseCells('cells.yml', text, own)

test('ok/cells have the certificates of the environment, or their own', () => {
  const text = `cells:
  - { name: a, url: 'mqtts://a.internal:8884' }
  - { name: b, url: 'mqtts://b.internal:8884', ca_file: /b-ca.pem, cert_file: /b.pem, key_file: /b.key }
`
  assert.deepEqual(read(text), [
    { name: 'a', address: { url: 'mqtts://a.internal:8884', ...own } },
    {
      name: 'b',
      address: {
        url: 'mqtts://b.internal:8884',
        caFile: '/b-ca.pem',
        certFile: '/b.pem',
        keyFile: '/b.key',
      },
    },
  ])
})

const FAULTS = {
  'no cells': ['{}', /cells\.yml +cells /],
  'an empty list': ['cells: []', /cells\.yml +cells /],
  'a misspelt key': ["cells: [{ name: a, url: 'mqtt://a', cafile: x }]", /cafile/],
  'a URL of another kind': ["cells: [{ name: a, url: 'http://a' }]", /no mqtt:/],
  'two of one name': [
    "cells: [{ name: a, url: 'mqtt://a' }, { name: a, url: 'mqtt://b' }]",
    /two cells/,
  ],
  'a certificate without its key': [
    "cells: [{ name: a, url: 'mqtts://a', cert_file: x }]",
    /cell a: cert_file and key_file go together/,
  ],
  'no YAML': ['cells: [', /is no YAML/],
} as const

for (const [name, [text, message]] of Object.entries(FAULTS)) {
  test(`fail/${name} in a line`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  })
}
