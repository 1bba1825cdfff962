import { html } from 'hono/html'
import document from '../../docs/openapi.json' with { type: 'json' }
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts'
import type { Ctx } from './deps.ts'
import { joined, page, type Markup } from './page.ts'

const DOCUMENT: unknown = document

const object = (value: unknown): JsonObject => (isJsonObject(value) ? value : {})
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

interface Operation {
  readonly path: string
  readonly method: string
  readonly tag: string
  readonly described: JsonObject
}

function operations(): Operation[] {
  return Object.entries(object(object(DOCUMENT)['paths'])).flatMap(([path, methods]) =>
    Object.entries(object(methods)).map(([method, described]) => {
      const operation = object(described)
      const tag = text(list(operation['tags'])[0])
      return { path, method: method.toUpperCase(), tag, described: operation }
    }),
  )
}

/** The API, rendered from the same document that programs read. */
export function docsPage(c: Ctx): Promise<Response> {
  const all = operations()
  const tags = [...new Set(all.map(({ tag }) => tag))].toSorted()
  const content = html`<h1>API</h1>
    <p>
      Below <code>/api/v1</code>, JSON in and out; the document for programs is
      <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Operators send
      <code>Authorization: Bearer mu_op_…</code>; what a route asks of a token stands beside it.
      Lists answer <code>items</code> and <code>next</code>, which goes back as <code>cursor</code>.
      POST takes an <code>Idempotency-Key</code>. Refusals are problem documents with a code.
    </p>
    ${joined(tags.map((tag) => section(tag, all)))}
    <h2>Schemas</h2>
    ${joined(Object.entries(object(object(object(DOCUMENT)['components'])['schemas'])).map(schema))}`
  return page(c, 'Muster: API', content)
}

function section(tag: string, all: readonly Operation[]): Markup {
  return html`<h2 id="${tag}">${tag}</h2>
    ${joined(all.filter((operation) => operation.tag === tag).map(operationMarkup))}`
}

function operationMarkup({ path, method, described }: Operation): Markup {
  const scopes = list(described['security']).flatMap((each) =>
    Object.values(object(each)).flatMap((names) => list(names).map(text)),
  )
  const parameters = list(described['parameters']).map(object)
  const body = object(object(described['requestBody'])['content'])
  return html`<details>
    <summary>
      <span class="method">${method}</span> <code>${path}</code> ${text(described['summary'])}
    </summary>
    <p class="faint">
      ${scopes.length === 0 ? 'Open, or by a device' : `Scope ${scopes.join(' or ')}`}
    </p>
    ${parameters.length === 0 ? '' : parameterTable(parameters)}
    ${joined(
      Object.entries(body).map(
        ([type, media]) =>
          html`<p>Body, <code>${type}</code>:</p>
            <pre>${pretty(object(media)['schema'])}</pre>`,
      ),
    )}
    ${joined(Object.entries(object(described['responses'])).map(answer))}
  </details>`
}

function parameterTable(parameters: readonly JsonObject[]): Markup {
  return html`<div class="scroll">
    <table>
      <tbody>
        ${joined(
          parameters.map(
            (parameter) =>
              html`<tr>
                <td><code>${text(parameter['name'])}</code></td>
                <td>
                  ${text(parameter['in'])}${parameter['required'] === true ? ', required' : ''}
                </td>
                <td><code>${JSON.stringify(parameter['schema'] ?? {})}</code></td>
              </tr>`,
          ),
        )}
      </tbody>
    </table>
  </div>`
}

function answer([status, described]: [string, Json]): Markup {
  if (status === 'default') return html``
  const content = Object.entries(object(object(described)['content']))
  return html`<p>${status}: ${text(object(described)['description'])}</p>
    ${joined(content.map(([, media]) => html`<pre>${pretty(object(media)['schema'])}</pre>`))}`
}

function schema([name, described]: [string, Json]): Markup {
  return html`<details>
    <summary><code>${name}</code></summary>
    <pre>${pretty(described)}</pre>
  </details>`
}

function pretty(value: Json | undefined): string {
  return JSON.stringify(value ?? {}, null, 2)
}

/** The document for programs. */
export function openapiDocument(c: Ctx): Response {
  return c.json(document, 200, { 'cache-control': 'public, max-age=300' })
}
