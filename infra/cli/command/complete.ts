import type { Argument, Command, Option, Tree } from './command.ts'
import { commandsBelow, findCommand } from './parse.ts'

/** What could stand where the cursor is. */
export interface Wanted {
  readonly words: readonly string[]
  /** A noun, `query` or `file`: values that are asked for elsewhere. */
  readonly from?: string
}

function optionNamed(options: readonly Option[], token: string): Option | undefined {
  return options.find(({ name, short }) => token === `--${name}` || token === `-${short}`)
}

function optionNames(options: readonly Option[], used: readonly string[]): string[] {
  return options
    .filter(
      (option) =>
        option.many === true ||
        optionNamed([option], used.find((each) => optionNamed([option], each)) ?? '') === undefined,
    )
    .map(({ name }) => `--${name}`)
}

function valuesOf(of: Option | Argument | undefined): Wanted {
  return {
    words: of?.choices ?? [],
    ...(of?.complete !== undefined && { from: of.complete }),
  }
}

/** How many arguments stand before the cursor: options and their values are none. */
function argumentsBefore(
  command: Command<never>,
  options: readonly Option[],
  before: readonly string[],
): number {
  let count = 0
  for (let index = command.path.length; index < before.length; index++) {
    const option = optionNamed(options, before[index] ?? '')
    if (option?.value !== undefined) index += 1
    else if (option === undefined && !before[index]?.startsWith('-')) count += 1
  }
  return count
}

/** Completes the last of the words, which may be empty. */
export function wantedAt<S>(tree: Tree<S>, line: readonly string[]): Wanted {
  const before = line.slice(0, -1)
  const word = line.at(-1) ?? ''
  const command = findCommand(tree, before)
  const options = [...(command?.options ?? []), ...tree.globals]
  const last = optionNamed(options, before.at(-1) ?? '')
  if (last?.value !== undefined) return valuesOf(last)
  if (word.startsWith('-')) return { words: optionNames(options, before) }
  if (command === undefined) {
    const next = commandsBelow(tree, before).map(({ path }) => path[before.length] ?? '')
    return { words: [...new Set(next)] }
  }
  const deeper = commandsBelow(tree, before).filter(({ path }) => path.length > before.length)
  if (deeper.length > 0) return { words: deeper.map(({ path }) => path[before.length] ?? '') }
  const wanted = command.arguments ?? []
  const argument = wanted[argumentsBefore(command, options, before)] ?? wanted.at(-1)
  return valuesOf(argument)
}
