import { path, type Item } from './api/client.ts'
import { EXIT } from './exit.ts'
import { printItem } from './output.ts'
import type { Session } from './session.ts'
import { duration } from './terminal/moment.ts'
import { counted, grouped } from './terminal/text.ts'
import { watch } from './watch.ts'

const CELLS = 5

const isItem = (value: unknown): value is Item => typeof value === 'object' && value !== null
const itemsOf = (value: unknown): Item[] => (Array.isArray(value) ? value.filter(isItem) : [])
const count = (item: Item, name: string): number => Number(item[name] ?? 0)

function bar(share: number): string {
  const full = Math.floor(share * CELLS)
  return '█'.repeat(full) + '░'.repeat(CELLS - full)
}

function groupLine(group: Item): string {
  const total = count(group, 'total')
  const done = count(group, 'succeeded') + count(group, 'failed') + count(group, 'cancelled')
  const share = total === 0 ? 0 : done / total
  const percent = `${Math.floor(share * 100)} %`.padStart(5)
  const parts = [
    `  ${String(group['number']).padStart(2)}  ${bar(share)} ${percent}`,
    `${grouped(done)}/${grouped(total)}`.padStart(13),
    `${grouped(count(group, 'failed'))} failed`.padStart(11),
    String(group['state']),
  ]
  return parts.join('  ')
}

/** A line of the whole, a line for each group. */
export function rolloutText(item: Item, now: Date): string {
  const since = Date.parse(String(item['started_at']))
  const running = Number.isNaN(since) ? '' : ` ${duration((now.getTime() - since) / 1000)}`
  const totals = `${counted(count(item, 'total'), 'device')}, ${grouped(count(item, 'succeeded'))} succeeded, ${grouped(count(item, 'failed'))} failed`
  const head = `${String(item['name'])} → ${String(item['version'])}  ${String(item['status'])}${running}  ${totals}`
  const problem = typeof item['problem'] === 'string' ? [`  ! ${item['problem']}`] : []
  return `${[head, ...itemsOf(item['groups']).map(groupLine), ...problem].join('\n')}\n`
}

/** What a rollout would do: groups, hardware, and who is left out and why. */
export function planText(item: Item): string {
  const left = isItem(item['left_out']) ? Object.entries(item['left_out']) : []
  const lines = [
    `${counted(count(item, 'total'), 'device')} selected, ${grouped(count(item, 'eligible'))} would be updated`,
    ...itemsOf(item['groups']).map(
      (group) =>
        `  group ${String(group['number'])}: ${grouped(count(group, 'total'))} (${String(group['percent'])} %)`,
    ),
    ...itemsOf(item['hardware']).map(
      (each) => `  hardware ${String(each['hardware_rev'])}: ${grouped(count(each, 'total'))}`,
    ),
    ...left
      .filter(([, number]) => Number(number) > 0)
      .map(
        ([why, number]) => `  left out, ${why.replaceAll('_', ' ')}: ${grouped(Number(number))}`,
      ),
  ]
  return `${lines.join('\n')}\n`
}

/** How a rollout's status ends the watch: undefined while it goes on. */
function ending({ status, problem }: Item): number | undefined {
  if (status === 'finished') return EXIT.ok
  if (status === 'stopped') return EXIT.watchedFailed
  return status === 'paused' && typeof problem === 'string' ? EXIT.watchedFailed : undefined
}

/** Shows a rollout until it is over; 7 when it did not go well. */
export async function watchRollout(session: Session, name: string): Promise<number> {
  const api = await session.api()
  let shown = ''
  let code: number | undefined
  await watch(session, ['rollout', 'action'], async () => {
    const { item } = await api.get(`rollouts/${path(name)}`)
    code = ending(item)
    const people = session.format === 'table' || session.format === 'wide'
    const text = people ? rolloutText(item, session.now()) : JSON.stringify(item)
    // Off a terminal only what is new.
    const compared = people ? rolloutText(item, new Date(0)) : text
    if (session.out.isTTY || compared !== shown) {
      if (people) session.out.write(text)
      else printItem(session, item)
    }
    shown = compared
    return code !== undefined
  })
  return code ?? EXIT.ok
}
