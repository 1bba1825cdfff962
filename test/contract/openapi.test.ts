import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { OPENAPI_FILE, openapiText } from '../../infra/build/openapi.ts'
import { ROUTES } from '../../shared/http/route-table.ts'

test('ok/the committed document is what the schemas of the functions say: node infra/build/openapi.ts writes it', async () => {
  assert.equal(await openapiText(), await readFile(OPENAPI_FILE, 'utf8'))
})

test('ok/every route of the JSON API is described, with each of its methods', async () => {
  const document: { paths: Record<string, object> } = JSON.parse(await openapiText())
  const missing = ROUTES.filter(({ path }) => path.startsWith('/api/v1/')).flatMap(
    ({ path, rules }) =>
      rules
        .split(', ')
        .map((rule) => rule.split(' ', 1)[0] ?? '')
        .filter((method) => !Object.hasOwn(document.paths[path] ?? {}, method.toLowerCase()))
        .map((method) => `${method} ${path}`),
  )
  assert.deepEqual(missing, [])
})
