import { html } from 'hono/html'
import { ERRORS, isErrorCode } from '../../shared/errors.ts'
import { HTTP_STATUS } from '../../shared/http/problem.ts'
import type { Ctx } from './deps.ts'
import { page } from './page.ts'

/** The page of an error code, which problem documents name as their type. */
export function errorPage(c: Ctx): Promise<Response> {
  const code = c.req.param('code') ?? ''
  if (!isErrorCode(code)) {
    const unknown = html`<h1>No such error code</h1>
      <p>This version does not know <code>${code.slice(0, 80)}</code>.</p>`
    return page(c, 'Muster: unknown error code', unknown, 404)
  }
  const noun = code.split('.', 1)[0] ?? ''
  const others = Object.keys(ERRORS).filter((name) => name.startsWith(`${noun}.`) && name !== code)
  const content = html`<h1>${ERRORS[code]}</h1>
    <p>Code <code>${code}</code>, HTTP status ${HTTP_STATUS[code]}.</p>
    <p>
      The problem document says in <code>detail</code> and <code>errors</code> what was wrong with
      this request, and in <code>call_id</code> by which name the log of the server knows it.
    </p>
    ${others.length > 0 ? html`<p>Of the same kind: ${others.map((name) => html`<a href="/errors/${name}">${name}</a> `)}</p>` : ''}`
  return page(c, `Muster: ${code}`, content)
}
