import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRevision } from '../revision.ts'
import { etag, ifMatch } from './etag.ts'
import { keyedRequest } from './idempotency.ts'
import { linkHeader, PageQuery, pageOf, readCursor, writeCursor } from './page.ts'

const AT = new Date('2026-01-02T03:04:05.678Z')

test('fail/a cursor of another list, query or sort, or no cursor at all, is refused', () => {
  const text = writeCursor({ after: ['gw-1'], at: AT }, ['devices', 'all', 'device_id'])
  const invalid = { code: 'page.cursor_invalid' }
  assert.throws(() => readCursor(text, ['devices', 'all', '-last_seen']), invalid)
  for (const bad of ['', 'x', Buffer.from('{}').toString('base64url'), `${text}x`.slice(3)]) {
    assert.throws(() => readCursor(bad, ['devices', 'all', 'device_id']), invalid)
  }
})

test('ok/a cursor is read back', () => {
  const binding = ['devices', `firmware_ver < '2.5'`, '-last_seen']
  const cursor = { after: ['2026-01-01', null, 'gw-1'], at: AT }
  assert.deepEqual(readCursor(writeCursor(cursor, binding), binding), cursor)
  assert.equal(readCursor(undefined, binding), undefined)
})

test('fail/limits beyond a thousand and unknown parameters are refused, not bent', () => {
  for (const query of [
    { limit: '1001' },
    { limit: '0' },
    { limit: 'x' },
    { limit: '' },
    { offset: '1' },
  ]) {
    assert.equal(PageQuery.safeParse(query).success, false, JSON.stringify(query))
  }
  assert.deepEqual(PageQuery.parse({}), { limit: 50 })
})

test('ok/a page keeps its limit and names the next', () => {
  assert.deepEqual(
    pageOf(['a', 'b', 'c'], 2, (last) => `after ${last}`),
    {
      items: ['a', 'b'],
      next: 'after b',
    },
  )
  assert.deepEqual(
    pageOf(['a'], 2, () => 'x'),
    { items: ['a'], next: null },
  )
  assert.deepEqual(linkHeader('/api/v1/devices?limit=2&cursor=old', 'new'), {
    link: '</api/v1/devices?limit=2&cursor=new>; rel="next"',
  })
  assert.deepEqual(linkHeader('/api/v1/devices', null), {})
})

test('fail/a missing or stale If-Match', () => {
  assert.throws(() => ifMatch(undefined, 'required'), { code: 'request.precondition_required' })
  const stale = { code: 'request.precondition_failed' }
  assert.throws(() => checkRevision(ifMatch('"3"', 'required'), 4n), stale)
  assert.throws(() => checkRevision(ifMatch('W/"4"', 'optional'), 4n), stale)
  assert.throws(() => checkRevision(ifMatch('rubbish', 'optional'), 4n), stale)
})

test('ok/If-Match holds', () => {
  checkRevision(ifMatch(etag(4n), 'required'), 4n)
  checkRevision(ifMatch('"1", "4"', 'required'), 4n)
  checkRevision(ifMatch('*', 'required'), 4n)
  checkRevision(ifMatch(undefined, 'optional'), 4n)
})

const asked = (key: string | undefined, body = '{}') => ({
  req: {
    method: 'POST',
    header: () => key,
    arrayBuffer: async () => new TextEncoder().encode(body).buffer,
  },
  var: {
    call: {
      callId: 'c',
      caller: 'edge',
      target: '/api/v1/devices',
      source: '::1',
      verdict: 'none',
    },
    identity: { kind: 'operator', actor: 'token a', tokenId: 't1', scope: [] },
  } as const,
})

test('fail/an Idempotency-Key that is too long or not printable', async () => {
  for (const key of ['', '""', 'a b', 'x'.repeat(129)]) {
    await assert.rejects(keyedRequest(asked(key)), { code: 'request.invalid' }, JSON.stringify(key))
  }
})

test('ok/a keyed request is its token, key and content', async () => {
  assert.equal(await keyedRequest(asked(undefined)), undefined)
  const [one, two] = [await keyedRequest(asked('"k1"')), await keyedRequest(asked('k1', '{"a":1}'))]
  assert.equal(one?.owner, 't1')
  assert.equal(one?.key, 't1 k1')
  assert.equal(two?.key, one?.key)
  assert.notDeepEqual(one?.sha256, two?.sha256)
  assert.equal((await keyedRequest(asked('k1'), 'gw-1'))?.owner, 'gw-1')
})
