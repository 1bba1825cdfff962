import { path, type Item, type Parameters } from './api/client.ts'
import { pages } from './api/pages.ts'
import type { Argument, Command, Input, Option } from './command/command.ts'
import { confirm, YES } from './confirm.ts'
import { listPrinter, printDone, printItem, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import { watch } from './watch.ts'

/** A noun with a list of its own in the API. */
export interface Resource extends ListShape {
  readonly noun: string
  /** Below /api/v1. */
  readonly path: string
  /** What stands for one in help: `ID`, `NAME`. */
  readonly argument: string
  /** Events that change it. */
  readonly events?: readonly string[]
}

export type SessionCommand = Command<Session>

const LIMIT: Option = { name: 'limit', value: 'N', summary: 'how many at most (50)' }
const ALL: Option = { name: 'all', summary: 'all of them, streamed' }
const WATCH: Option = { name: 'watch', summary: 'again when something changes' }
export const QUERY: Option = {
  name: 'query',
  short: 'q',
  value: 'QUERY',
  complete: 'query',
  summary: 'the devices that a fleet query selects',
}

const LIMIT_DEFAULT = 50

export function oneOf({ argument, noun }: Resource): Argument {
  return { name: argument, complete: noun }
}

export function severalOf({ argument, noun }: Resource): Argument {
  return { name: argument, many: true, complete: noun }
}

/** Prints a list of the API by the options of every list. */
export async function printList(
  session: Session,
  input: Input,
  shape: ListShape,
  of: string,
  parameters: Parameters = {},
): Promise<void> {
  const limit = input.flag('all') ? undefined : (input.integer('limit', 1) ?? LIMIT_DEFAULT)
  const printer = listPrinter(session, shape)
  let last
  for await (const page of pages(await session.api(), of, parameters, limit)) {
    printer.page(page)
    last = page
  }
  printer.end(last)
}

export interface ListSpec {
  readonly summary?: string
  readonly options?: readonly Option[]
  parameters?(input: Input, session: Session): Parameters
}

/** `NOUN list`. */
export function listCommand(resource: Resource, spec: ListSpec = {}): SessionCommand {
  const { noun, events } = resource
  return {
    path: [noun, 'list'],
    summary: spec.summary ?? 'lists them',
    options: [...(spec.options ?? []), LIMIT, ALL, ...(events ? [WATCH] : [])],
    run: async (session, input) => {
      const draw = async (): Promise<boolean> => {
        await printList(session, input, resource, resource.path, spec.parameters?.(input, session))
        return false
      }
      if (input.flag('watch')) await watch(session, events ?? [], draw)
      else await draw()
    },
  }
}

/** Another list of the API, with the options of every list. */
export function subListCommand(
  words: readonly string[],
  summary: string,
  shape: ListShape,
  spec: ListSpec & {
    readonly arguments?: readonly Argument[]
    path(input: Input): string
  },
): SessionCommand {
  return {
    path: words,
    summary,
    ...(spec.arguments && { arguments: spec.arguments }),
    options: [...(spec.options ?? []), LIMIT, ALL],
    run: (session, input) =>
      printList(session, input, shape, spec.path(input), spec.parameters?.(input, session)),
  }
}

/** `NOUN show ID`. */
export function showCommand(resource: Resource, summary = 'shows one'): SessionCommand {
  const { events } = resource
  return {
    path: [resource.noun, 'show'],
    summary,
    arguments: [oneOf(resource)],
    options: events ? [WATCH] : [],
    run: async (session, input) => {
      const draw = async (): Promise<boolean> => {
        const api = await session.api()
        const { item } = await api.get(`${resource.path}/${path(input.argument(0))}`)
        printItem(session, item, resource)
        return false
      }
      if (input.flag('watch')) await watch(session, events ?? [], draw)
      else await draw()
    },
  }
}

/** discard → discarded, remove → removed. */
export const past = (verb: string): string => (verb.endsWith('e') ? `${verb}d` : `${verb}ed`)

/** One name, or how many and the first of them. */
export const quoted = (names: readonly string[]): string =>
  names.length === 1 ? (names[0] ?? '') : `${names.length} (${names.slice(0, 3).join(', ')}…)`

/** A verb that takes one thing, or several, away after a question: delete, remove, discard. */
export function deleteCommand(
  resource: Resource,
  verb = 'delete',
  summary = 'removes them',
): SessionCommand {
  return {
    path: [resource.noun, verb],
    summary,
    arguments: [severalOf(resource)],
    options: [YES],
    run: async (session, input) => {
      await confirm(session, input, `${verb} ${resource.noun} ${quoted(input.arguments)}`)
      const api = await session.api()
      for (const name of input.arguments) {
        const of = `${resource.path}/${path(name)}`
        const { item, etag } = await api.get(of)
        await api.delete(of, etag)
        printDone(session, `${resource.noun} ${name}: ${past(verb)}`, item, resource)
      }
    },
  }
}

export interface ActSpec {
  readonly verb: string
  readonly summary: string
  /** Said of each when it is done. */
  readonly done: string
  readonly asks?: true
  readonly options?: readonly Option[]
  body?(input: Input): Record<string, string | number | boolean | undefined>
}

/** `NOUN VERB ID…`, POST below each. */
export function actCommand(resource: Resource, spec: ActSpec): SessionCommand {
  const { verb, asks, summary, done } = spec
  return {
    path: [resource.noun, verb],
    summary,
    arguments: [severalOf(resource)],
    options: [...(spec.options ?? []), ...(asks ? [YES] : [])],
    run: async (session, input) => {
      if (asks) await confirm(session, input, `${verb} ${resource.noun} ${quoted(input.arguments)}`)
      const api = await session.api()
      for (const name of input.arguments) {
        const item = await api.post(`${resource.path}/${path(name)}/${verb}`, spec.body?.(input))
        printDone(session, `${resource.noun} ${name}: ${done}`, item, resource)
      }
    },
  }
}

/** Changes one thing under If-Match: nothing that another changed meanwhile is lost. */
export async function edit(
  session: Session,
  resource: Resource,
  name: string,
  change: (item: Item) => Record<string, never> | object,
): Promise<Item> {
  const api = await session.api()
  const of = `${resource.path}/${path(name)}`
  const { item, etag } = await api.get(of)
  return api.patch(of, JSON.parse(JSON.stringify(change(item))), etag)
}
