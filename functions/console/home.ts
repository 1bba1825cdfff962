import { html } from 'hono/html'
import { beginSession, SESSION_SECONDS } from '../../shared/access/console-link.ts'
import { SESSION_COOKIE } from '../../shared/access/session.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { readHealth, type Health } from '../../shared/enrollment/health.ts'
import { pageEvents, type EventView } from '../../shared/event/read.ts'
import { readFleetNumbers, type Attention, type FleetNumbers } from '../../shared/fleet/numbers.ts'
import { scopeReaches } from '../../shared/http/authorize.ts'
import type { Ctx } from './deps.ts'
import { joined, page, PAGE_HEADERS, VERSION, type Markup } from './page.ts'

const EVENTS = 20
/** Of use to webhooks only: one a minute would push all else off the page. */
const SEALED = 'audit.sealed'
const WORDS = { ok: 'well', warning: 'well, with warnings', failed: 'not well' } as const

/** The status page: of the whole for a session, else how to get one. */
export async function home(c: Ctx): Promise<Response> {
  const link = c.req.query('link')
  if (link !== undefined) return openSession(c, link)
  const { identity } = c.var
  const health = await readHealth(c.env)
  const knows = identity.kind === 'operator' && scopeReaches(identity.scope, 'read', 'console')
  return knows ? overview(c, health, identity.actor) : closed(c, health)
}

/** Takes the link of `muster open` and goes on without it in the address. */
async function openSession(c: Ctx, link: string): Promise<Response> {
  const { clock } = c.env
  const secret = await transaction(c.env.db, (db) => beginSession({ db, clock }, link))
  if (secret === undefined) {
    const content = html`<h1>This link is spent or too old</h1>
      <p>A link opens once, within a minute. Make another one:</p>
      <pre>./muster open</pre>`
    return page(c, 'Muster: link spent', content, 404)
  }
  const cookie = `${SESSION_COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}`
  return c.body(null, 303, { ...PAGE_HEADERS, location: '/', 'set-cookie': cookie })
}

function closed(c: Ctx, { status }: Health): Promise<Response> {
  const content = html`<h1>Muster ${VERSION}</h1>
    <p>
      This installation is
      <strong class="${status === 'failed' ? 'bad' : 'good'}">${WORDS[status]}</strong>.
    </p>
    <h2>How to log in</h2>
    <p>On the machine where it was started, or wherever the command is logged in:</p>
    <pre>./muster open</pre>
    <p>
      It prints a link that opens this page once, within a minute, with the rights of your token.
    </p>`
  return page(c, 'Muster', content)
}

async function overview(c: Ctx, health: Health, actor: string): Promise<Response> {
  const { db, clock } = c.env
  const numbers = await readFleetNumbers({ db, clock })
  const now = clock.now()
  const newestFirst = await pageEvents(db, {}, { before: undefined, limit: 3 * EVENTS, now })
  const events = newestFirst.filter(({ kind }) => kind !== SEALED).slice(0, EVENTS)
  const content = html`<h1>Status</h1>
    ${person(health, numbers.attention)} ${fleet(numbers)} ${parts(health)} ${newest(events)}
    <p class="faint">As ${actor}, at ${now.toISOString()}</p>`
  return page(c, 'Muster: status', content)
}

interface Need {
  readonly count: number
  readonly what: string
  readonly command: string
}

function partNeeds(health: Health): Need[] {
  const named = (wanted: string) =>
    health.parts.filter(({ status }) => status === wanted).map(({ name }) => name)
  const failed = named('failed')
  const warned = named('warning')
  return [
    {
      count: failed.length,
      what: `parts have failed: ${failed.join(', ')}`,
      command: 'muster doctor',
    },
    {
      count: warned.length,
      what: `parts have a warning: ${warned.join(', ')}`,
      command: 'muster status',
    },
  ]
}

function needs(health: Health, attention: Attention): Need[] {
  const all: Need[] = [
    ...partNeeds(health),
    {
      count: attention.pending,
      what: 'enrolments wait for a decision',
      command: 'muster enrollment list --state pending',
    },
    {
      count: attention.approvals,
      what: 'rollouts wait for approval',
      command: 'muster rollout list',
    },
    { count: attention.paused, what: 'rollouts are paused', command: 'muster rollout list' },
    {
      count: attention.expiring,
      what: 'certificates end within a week',
      command: `muster device list -q 'cert_expires < 7d from now' --sort cert_expires`,
    },
    {
      count: attention.dead,
      what: 'messages of the last day could not be delivered to a function',
      command: 'muster dead-letter list',
    },
    {
      count: attention.failed_operations,
      what: 'operations of the last day failed',
      command: 'muster operation list',
    },
  ]
  return all.filter(({ count }) => count > 0)
}

function person(health: Health, attention: Attention): Markup {
  const open = needs(health, attention)
  if (open.length === 0) return html`<p>Nothing needs a person.</p>`
  return html`<h2>What needs a person</h2>
    <div class="scroll">
      <table>
        <tbody>
          ${joined(
            open.map(
              ({ count, what, command }) =>
                html`<tr>
                  <td class="number">${count > 1000 ? 'over 1000' : count}</td>
                  <td>${what}</td>
                  <td><code>${command}</code></td>
                </tr>`,
            ),
          )}
        </tbody>
      </table>
    </div>`
}

function fleet({ byStatus, connected, attention, versions }: FleetNumbers): Markup {
  const total = byStatus.active + byStatus.suspended
  if (total + byStatus.decommissioned === 0) {
    return html`<h2>The fleet</h2>
      <p>There is no device yet. A simulated fleet, or the first credential of your own:</p>
      <pre>./muster demo&#10;./muster credential create token</pre>`
  }
  const boxes: readonly (readonly [number, string])[] = [
    [total, 'devices'],
    [connected, 'connected'],
    [byStatus.suspended, 'suspended'],
    [byStatus.decommissioned, 'decommissioned'],
    [attention.live_rollouts, 'rollouts under way'],
    [attention.open_actions, 'updates open'],
    [attention.running_operations, 'operations under way'],
  ]
  return html`<h2>The fleet</h2>
    <ul class="numbers">
      ${joined(boxes.map(([count, name]) => html`<li><b>${count}</b>${name}</li>`))}
    </ul>
    <h2>What runs on it</h2>
    ${countTable(
      ['Firmware', 'Devices'],
      versions.map(({ name, devices }) => [name, devices]),
    )}`
}

function countTable(
  [left, right]: readonly [string, string],
  rows: readonly (readonly [string, number])[],
): Markup {
  if (rows.length === 0) return html`<p class="faint">No device has told its version yet.</p>`
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">${left}</th>
          <th scope="col" class="number">${right}</th>
        </tr>
      </thead>
      <tbody>
        ${joined(
          rows.map(
            ([name, count]) =>
              html`<tr>
                <td>${name}</td>
                <td class="number">${count}</td>
              </tr>`,
          ),
        )}
      </tbody>
    </table>
  </div>`
}

function parts({ parts: list }: Health): Markup {
  return html`<h2>What runs</h2>
    <div class="scroll">
      <table>
        <tbody>
          ${joined(
            list.map(
              ({ name, status, problem }) =>
                html`<tr>
                  <td>${name}</td>
                  <td class="${status === 'failed' ? 'bad' : 'good'}">
                    ${status === 'failed' ? '✗' : status === 'warning' ? '!' : '✓'} ${WORDS[status]}
                  </td>
                  <td>${problem ?? ''}</td>
                </tr>`,
            ),
          )}
        </tbody>
      </table>
    </div>`
}

function newest(events: readonly EventView[]): Markup {
  if (events.length === 0)
    return html`<h2>Newest events</h2>
      <p class="faint">None yet.</p>`
  return html`<h2>Newest events</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Event</th>
            <th scope="col">Device</th>
          </tr>
        </thead>
        <tbody>
          ${joined(
            events.map(
              ({ at, kind, device_id: device }) =>
                html`<tr>
                  <td><time datetime="${at}">${at.slice(0, 19).replace('T', ' ')}</time></td>
                  <td>${kind}</td>
                  <td>${device ?? ''}</td>
                </tr>`,
            ),
          )}
        </tbody>
      </table>
    </div>`
}
