import { html, raw } from 'hono/html'
import packageFile from '../../package.json' with { type: 'json' }
import type { Ctx } from './deps.ts'

export const VERSION: string = packageFile.version

export type Markup = ReturnType<typeof html>

const CSP = [
  `default-src 'none'`,
  `style-src 'self'`,
  `img-src 'self'`,
  `form-action 'self'`,
  `base-uri 'none'`,
  `frame-ancestors 'none'`,
].join('; ')

/** Headers of every page: nothing foreign is loaded, no address of ours is told to others. */
export const PAGE_HEADERS = {
  'content-security-policy': CSP,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const

/** A whole page; readable without script and without style. */
export async function page(
  c: Ctx,
  title: string,
  content: Markup,
  status: 200 | 404 = 200,
): Promise<Response> {
  const document = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="/assets/muster.css" />
      </head>
      <body>
        <header>
          <strong>Muster</strong>
          <nav aria-label="Pages"><a href="/">Status</a> <a href="/docs">API</a></nav>
        </header>
        <main>${content}</main>
        <footer>Muster ${VERSION}</footer>
      </body>
    </html>`
  return c.html(document, status, PAGE_HEADERS)
}

/** Parts one after the other. */
export function joined(parts: readonly Markup[]): Markup {
  return parts.length === 0 ? raw('') : html`${parts}`
}
