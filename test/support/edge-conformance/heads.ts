// Heads as an attacker writes them: what every edge must do with them.
import assert from 'node:assert/strict'
import type { Seen } from '../edge.ts'
import { HOST, type Case } from '../edge-client.ts'

// What cannot be read is refused and ends the connection.
const UNREADABLE = [
  ['a space before the colon', `GET / HTTP/1.1\r\nHost : a\r\n\r\n`],
  ['no Host', `GET / HTTP/1.1\r\n\r\n`],
  ['a NUL in a header', `GET / HTTP/1.1\r\n${HOST}X-A: b\0c\r\n\r\n`],
  ['HTTP/2 in the clear', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`],
  [
    'a chunk size that overflows',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  ],
  [
    'an unknown transfer coding',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n`,
  ],
] as const

// RFC 9112 leaves it to the server whether these are refused, or read as what they mean.
const LENIENT = [
  ['a folded header', `GET / HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n`],
  ['bare LF', `GET / HTTP/1.1\nHost: a\n\n`],
] as const

export const HEAD_CASES: readonly Case[] = [
  ...UNREADABLE.map(([name, head]): Case => [
    `head with ${name}: refused with 4xx, closed`,
    async (edge) => {
      const { status, end } = await edge.send(head)
      assert.ok(status >= 400 && status < 500, String(status))
      assert.equal(end, 'closed')
    },
  ]),
  ...LENIENT.map(([name, head]): Case => [
    `head with ${name}: refused, or handed on as one clean request`,
    async (edge) => {
      const answer = await edge.send(head)
      if (answer.status === 400) return assert.equal(answer.end, 'closed')
      const it: Seen = JSON.parse(answer.body)
      assert.ok(it.proven)
      assert.ok(!JSON.stringify(it.headers).includes('\\n'))
      return undefined
    },
  ]),
]
