// What every edge must do with TLS and client certificates, whichever it is.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { Seen } from '../edge.ts'
import { EST, HOST, seen, type Case } from '../edge-client.ts'
import { collect } from '../wire.ts'

export const TLS_CASES: readonly Case[] = [
  [
    'anonymous: verdict none, no certificate, hop holds',
    async (edge) => {
      const it = await seen(edge.get(`${EST}x`))
      assert.deepEqual(
        [it.proven, it.verdict, it.certificate, it.functionName, it.source],
        [true, 'none', '', 'est', '127.0.0.1'],
      )
    },
  ],

  ...(['dev1', 'dev2', 'claim1', 'idevid'] as const).map((as): Case => [
    `${as}: verdict ok, the certificate's bytes exactly`,
    async (edge) => {
      const it = await seen(edge.get(`${EST}x`, '', { as }))
      const { raw } = new X509Certificate(edge.certificates.leaf(as).cert)
      assert.deepEqual(
        [it.proven, it.verdict, it.certificate],
        [true, 'ok', raw.toString('base64')],
      )
    },
  ]),

  ...(['expired', 'idevidExpired'] as const).map((as): Case => [
    `${as}, of an authority that is known: verdict expired`,
    async (edge) => {
      const it = await seen(edge.get(`${EST}x`, '', { as }))
      assert.deepEqual([it.proven, it.verdict], [true, 'expired'])
    },
  ]),

  ...(
    [
      'revoked',
      'revokedExpired',
      'future',
      'foreign1',
      'foreignExpired',
      'selfSignedExpired',
      'forged',
      'forgedExpired',
      'serverAuth',
    ] as const
  ).map((as): Case => [
    `${as}: the handshake ends, or the verdict is bad`,
    async (edge) => {
      const { status, body, end } = await edge.get(`${EST}x`, '', { as })
      if (status === 0) return assert.match(end, /^E|closed/)
      const it: Seen = JSON.parse(body)
      return assert.equal(it.verdict, 'bad')
    },
  ]),

  [
    "TLS 1.2: tls-unique is the client's own",
    async (edge) => {
      const socket = await edge.open({ tls: { maxVersion: 'TLSv1.2' } })
      const finished = socket.getFinished()?.toString('base64')
      socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
      const it: Seen = JSON.parse((await collect(socket, 400)).body)
      assert.deepEqual([it.binding, it.proven], [finished, true])
    },
  ],

  [
    "TLS 1.2 resumed: tls-unique is the server's Finished",
    async (edge) => {
      const tls = { maxVersion: 'TLSv1.2' } as const
      const first = await edge.open({ tls })
      const session = first.getSession()
      first.destroy()
      assert.ok(session)
      const socket = await edge.open({ tls: { ...tls, session } })
      assert.ok(socket.isSessionReused())
      const finished = socket.getPeerFinished()?.toString('base64')
      socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
      const it: Seen = JSON.parse((await collect(socket, 400)).body)
      assert.deepEqual([it.binding, it.proven], [finished, true])
    },
  ],

  [
    'TLS 1.3: no binding',
    async (edge) => {
      assert.equal((await seen(edge.get(`${EST}x`))).binding, '')
    },
  ],

  [
    'a resumed connection is judged anew',
    async (edge) => {
      const identity = edge.certificates.leaf('dev1')
      const tls = { maxVersion: 'TLSv1.2' } as const
      const first = await edge.open({ identity, tls })
      const session = first.getSession()
      first.destroy()
      const socket = await edge.open({ tls: { ...tls, ...(session && { session }) } })
      assert.ok(socket.isSessionReused())
      socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
      const it: Seen = JSON.parse((await collect(socket, 400)).body)
      assert.equal(it.verdict, 'ok')
    },
  ],

  ...[undefined, ['http/1.1'], ['h2', 'http/1.1'], ['x-amzn-http-ca']].map((protocols): Case => [
    `ALPN ${protocols?.join(' ') ?? 'none'}: connects`,
    async (edge) => {
      const tls = protocols ? { ALPNProtocols: protocols } : {}
      const socket = await edge.open({ tls })
      socket.destroy()
      assert.ok(socket.alpnProtocol === false || socket.alpnProtocol === 'http/1.1')
    },
  ]),

  [
    'TLS 1.1: refused',
    async (edge) => {
      const tls = {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      } as const
      assert.match((await edge.get('/', '', { tls })).end, /^E/)
    },
  ],

  [
    'TLS 1.2 without forward secrecy, or without AEAD: refused',
    async (edge) => {
      for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256'])
        assert.match(
          (await edge.get('/', '', { tls: { maxVersion: 'TLSv1.2', ciphers } })).end,
          /^E/,
        )
    },
  ],

  [
    'no SNI, foreign SNI: served',
    async (edge) => {
      for (const servername of ['', 'other.example'])
        assert.equal((await edge.get('/', '', { tls: { servername } })).status, 200)
    },
  ],
]
