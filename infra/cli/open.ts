import { spawn } from 'node:child_process'
import { printItem } from './output.ts'
import type { SessionCommand } from './verbs.ts'

const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' }

/** Opens the link where there is a desktop; the link is printed in any case. */
function openBrowser(url: string): void {
  const opener = OPENERS[process.platform]
  const desktop =
    process.platform === 'darwin' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']
  if (opener === undefined || !desktop) return
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true })
  child.once('error', () => undefined)
  child.unref()
}

export const openCommand: SessionCommand = {
  path: ['open'],
  summary: 'a link that opens the console once, within a minute',
  run: async (session) => {
    const item = await (await session.api()).post('console-links')
    const url = String(item['url'])
    const people = session.format === 'table' || session.format === 'wide'
    if (people) session.out.write(`${url}\n`)
    else printItem(session, item)
    if (session.out.isTTY) openBrowser(url)
  },
}
