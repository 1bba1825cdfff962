import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLines, splitFields, writeField } from './csv.ts'

const fault = (line: string) => {
  const [read] = readLines(line, 2)
  return read !== undefined && 'fault' in read ? read.fault : undefined
}

test('fail/lines of a file', () => {
  assert.equal(fault('device_id,gw-1,,,,,'), undefined)
  assert.match(fault('device_id,gw 1,,,,,') ?? '', /value: not a device id/)
  assert.match(fault('device_id,gw-1,,,,') ?? '', /6 fields, not 7/)
  assert.match(fault('device_id,"gw-1,,,,,') ?? '', /quotes/)
  assert.match(fault('colour,red,,,,,') ?? '', /match/)
  assert.match(fault('spki,abc,,,,,') ?? '', /SHA-256/)
  assert.match(fault('serial,1,,,,yesterday,') ?? '', /expires_at/)
  assert.match(fault('serial,1,,,,,0') ?? '', /max_uses/)
  assert.match(fault('serial,,,,,,') ?? '', /value/)
  const [header] = readLines('value,match', 1)
  assert.ok(header !== undefined && 'fault' in header)
})

test('ok/fields are split and written as RFC 4180 says', () => {
  assert.deepEqual(splitFields('a,"b ""c"", d",,'), ['a', 'b "c", d', '', ''])
  assert.equal(writeField('=1+1'), '"=1+1"')
  assert.equal(writeField('say "x"'), '"say ""x"""')
  const [line] = readLines('serial,0815,gw-1,B,line-1 line-2,2030-01-01T00:00:00Z,3\r\n', 2)
  assert.deepEqual(line, {
    entry: {
      match: 'serial',
      value: '0815',
      device_id: 'gw-1',
      hardware_rev: 'B',
      credentials: ['line-1', 'line-2'],
      expires_at: '2030-01-01T00:00:00Z',
      max_uses: 3,
    },
  })
})
