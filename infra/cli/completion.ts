import { setTimeout as sleep } from 'node:timers/promises'
import { readContexts } from './api/contexts.ts'
import { member } from './columns.ts'
import { wantedAt } from './command/complete.ts'
import type { Tree } from './command/command.ts'
import { completionScript, SHELLS } from './command/shell.ts'
import type { Session } from './session.ts'
import type { Resource, SessionCommand } from './verbs.ts'

/** A shell waits for this long at most. */
const PATIENCE_MS = 300
const NAMES = 200

/** Names of things, by the API. */
async function namesOf(session: Session, resource: Resource): Promise<string[]> {
  const page = await (await session.api()).page(resource.path, { limit: NAMES })
  return page.items.map((item) => resource.id(item))
}

/** A value without its quotes where it needs none: a shell compares with what was typed. */
const bare = (text: string): string => text.replace(/^'([A-Za-z0-9_.-]+)'$/, '$1')

/** A query up to the cursor, each candidate with what stands before it. */
async function queriesFrom(session: Session, word: string): Promise<string[]> {
  const mark = /^["']/.exec(word)?.[0] ?? ''
  const q = word.slice(mark.length)
  const answer = await (await session.api()).post('query/check', { q, cursor: q.length })
  const at = Number(member(answer, 'completion.at'))
  const found = member(answer, 'completion.candidates')
  const before = mark + Array.from(q).slice(0, at).join('')
  return Array.isArray(found) ? found.map((each) => before + bare(String(each))) : []
}

async function valuesFrom(
  session: Session,
  from: string,
  word: string,
  resources: readonly Resource[],
): Promise<string[]> {
  if (from === 'query') return queriesFrom(session, word)
  if (from === 'context') return Object.keys((await readContexts(session.env)).contexts)
  const resource = resources.find(({ noun }) => noun === from)
  return resource === undefined ? [] : namesOf(session, resource)
}

async function candidates(
  session: Session,
  line: readonly string[],
  tree: Tree<Session>,
  resources: readonly Resource[],
): Promise<string[]> {
  const { words, from } = wantedAt(tree, line)
  const word = line.at(-1) ?? ''
  const named = from === undefined ? [] : await valuesFrom(session, from, word, resources)
  return [...words, ...named].filter((each) => each.startsWith(word))
}

/** `completion SHELL`, and `complete` that its script asks. */
export function completionCommands(
  tree: () => Tree<Session>,
  resources: readonly Resource[],
): SessionCommand[] {
  return [
    {
      path: ['completion'],
      summary: 'the completion script of a shell: eval "$(muster completion bash)"',
      arguments: [{ name: 'SHELL', choices: SHELLS }],
      run: async (session, input) => {
        const shell = SHELLS.find((each) => each === input.argument(0)) ?? 'bash'
        session.out.write(completionScript(shell))
      },
    },
    {
      path: ['complete'],
      summary: 'what completes a command line',
      hidden: true,
      raw: true,
      run: async (session, input) => {
        const line = input.arguments[0] === '--' ? input.arguments.slice(1) : input.arguments
        const stop = new AbortController()
        const found = candidates(session, line, tree(), resources).catch(() => [])
        const late = sleep(PATIENCE_MS, [] as string[], { signal: stop.signal })
        const words = await Promise.race([found, late])
        stop.abort()
        late.catch(() => undefined)
        session.out.write(words.map((each) => `${each}\n`).join(''))
        // A request that is still under way is of no use any more.
        process.exit(0)
      },
    },
  ]
}
