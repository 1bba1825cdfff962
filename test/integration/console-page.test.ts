// The console's pages in a browser: accessible (WCAG 2.2 AA by axe) in light and dark, narrow and wide, nothing blocked by the own policy.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import axe from 'axe-core'
import { chromium } from 'playwright-core'
import { createDeps } from '../../functions/console/deps.ts'
import { handler } from '../../functions/console/handler.ts'
import { emit } from '../../shared/event/emit.ts'
import { signedRequest } from '../support/call.ts'
import { insertDevice } from '../support/certificate.ts'
import { functionHost } from '../support/function-host.ts'
import { needs } from '../support/needs.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const CHROMIUM = '/usr/bin/chromium'
const PAGES = ['/', '/docs', '/errors/device.suspended', '/errors/none', '/?link=spent']

async function serve(cloned: TestDatabase): Promise<{ url: string; close: () => void }> {
  const deps = await createDeps(functionHost('console', cloned))
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { authorization } = incoming.headers
    const headers = authorization === undefined ? {} : { authorization }
    const response = await handler(signedRequest('console', incoming.url ?? '/', { headers }), deps)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(Buffer.from(await response.arrayBuffer()))
  }
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}`, close }
}

async function fill(cloned: TestDatabase): Promise<void> {
  for (let i = 0; i < 5; i++) await insertDevice(cloned.db, `gw-${i}`, { firmwareVer: `2.${i}.0` })
  await emit(cloned.db, { kind: 'device.suspended' })
  await cloned.db.unnamed(
    'x',
    `insert into enrollments (device_id, request, protocol, state, expires_at) values ('gw-9', '\\x01', 'json', 'pending', now() + interval '1 h')`,
    [],
  )
}

test(
  'ok/pages are accessible, in light and dark, narrow and wide',
  needs('chromium', existsSync(CHROMIUM)),
  async () => {
    await using cloned = await cloneDatabase()
    await fill(cloned)
    const token = await insertToken(cloned.db, 'ops', ['read'])
    const { url, close } = await serve(cloned)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of [360, 1200]) {
          const context = await browser.newContext({
            colorScheme,
            viewport: { width, height: 900 },
            extraHTTPHeaders: { authorization: `Bearer ${token}` },
          })
          const page = await context.newPage()
          const blocked: string[] = []
          page.on('console', (message) => {
            if (/Content.Security.Policy/i.test(message.text())) blocked.push(message.text())
          })
          for (const target of PAGES) {
            // The long one twice is enough: each scheme, each width.
            if (target === '/docs' && (colorScheme === 'dark') === (width === 1200)) continue
            await page.goto(url + target)
            const shot = process.env['MUSTER_TEST_SHOTS']
            if (shot !== undefined) {
              const name = `${colorScheme}-${width}-${PAGES.indexOf(target)}.png`
              await page.screenshot({ path: `${shot}/${name}` })
            }
            await page.evaluate(axe.source)
            const faults =
              await page.evaluate(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
              .then(({ violations }) => violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).slice(0, 3).join(' ')))`)
            assert.deepEqual(faults, [], `${target} ${colorScheme} ${width}`)
            const overflow = await page.evaluate(
              'document.documentElement.scrollWidth > innerWidth',
            )
            assert.equal(overflow, false, `${target} is wider than ${width}`)
          }
          assert.deepEqual(blocked, [])
          await context.close()
        }
      }
    } finally {
      await browser.close()
      close()
    }
  },
)
