import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FIELDS, LATER_SECRETS } from './config-fields.ts'

test('ok/docs-name-every-setting-and-no-other', () => {
  const text = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8')
  const first = text.split('\n').filter((line) => line.startsWith('| `'))
  const named = first.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`([A-Z0-9_]+)`/g)].map(([, name = '']) => name),
  )
  // PORT is the platform's word, not one of Muster's settings.
  const known = [...Object.keys(FIELDS), ...LATER_SECRETS, 'PORT']
  assert.deepEqual(new Set(named), new Set(known))
})
