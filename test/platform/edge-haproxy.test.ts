// The production edge: the list that every edge must pass, on HAProxy with infra/edge/haproxy.cfg.
import test, { after } from 'node:test'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { openFunctions, startBefore } from '../support/edge-behind.ts'
import { EdgeClient } from '../support/edge-client.ts'
import { HEAD_CASES } from '../support/edge-conformance/heads.ts'
import { HTTP_CASES } from '../support/edge-conformance/http.ts'
import { TLS_CASES } from '../support/edge-conformance/tls.ts'
import { hasHaproxy, haproxyVersion } from '../support/haproxy.ts'
import { needs } from '../support/needs.ts'

const there = needs('haproxy', hasHaproxy)

if (there.skip !== false) test('the production edge', there)
else {
  const certificates = makeClientCertificates()
  const functions = await openFunctions()
  const haproxy = await startBefore(functions, certificates)
  const client = new EdgeClient(haproxy.port, certificates)
  after(async () => {
    await haproxy[Symbol.asyncDispose]()
    await functions[Symbol.asyncDispose]()
    certificates[Symbol.dispose]()
  })
  test(`HAProxy ${haproxyVersion}`, () => undefined)
  for (const [name, run] of [...TLS_CASES, ...HTTP_CASES, ...HEAD_CASES])
    test(name, () => run(client))
}
