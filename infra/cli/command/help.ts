import type { Argument, Command, Noun, Option, Tree } from './command.ts'
import { commandsBelow } from './parse.ts'

const GAP = 2

/** Lines of two columns, the first as wide as its longest. */
export function columns(rows: readonly (readonly [string, string])[], indent = '  '): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + GAP
  return rows.map(([left, right]) => `${indent}${left.padEnd(width)}${right}`.trimEnd())
}

function argumentUsage({ name, optional, many, choices }: Argument): string {
  const shown = `${choices ? choices.join('|') : name}${many ? '…' : ''}`
  return optional ? `[${shown}]` : shown
}

/** `muster device show ID… [options]`. */
export function usage<S>({ path, arguments: wanted = [] }: Command<S>): string {
  return ['muster', ...path, ...wanted.map(argumentUsage)].join(' ')
}

export function optionUsage({ name, short, value, many }: Option): string {
  const shown = value === undefined ? '' : ` ${value}${many ? '…' : ''}`
  return `${short === undefined ? '' : `-${short}, `}--${name}${shown}`
}

export function optionSummary({ summary, choices }: Option): string {
  return choices === undefined ? summary : `${summary}: ${choices.join(', ')}`
}

function commandHelp<S>(tree: Tree<S>, command: Command<S>): string[] {
  const options = command.options ?? []
  const own = options.map((option) => [optionUsage(option), optionSummary(option)] as const)
  const globals = tree.globals.map((each) => [optionUsage(each), optionSummary(each)] as const)
  return [
    command.summary,
    '',
    `  ${usage(command)}`,
    ...(own.length > 0 ? ['', 'Options', ...columns(own)] : []),
    '',
    'Options of every command',
    ...columns(globals),
  ]
}

function nounHelp<S>(noun: Noun | undefined, commands: readonly Command<S>[]): string[] {
  const rows = commands.map((command) => [usage(command), command.summary] as const)
  return [
    noun?.summary ?? '',
    ...columns(rows),
    ...(noun?.examples ? ['', ...noun.examples.map((example) => `  ${example}`)] : []),
  ]
}

function overview<S>(tree: Tree<S>): string[] {
  const single = commandsBelow(tree, []).filter(({ path }) => path.length === 1)
  const nouns = tree.nouns.map(({ name, summary }) => [name, summary] as const)
  return [
    'muster: device management on your own machines',
    '',
    ...columns(single.map(({ path, summary }) => [path[0] ?? '', summary] as const)),
    '',
    ...columns(nouns),
    '',
    'More: muster NOUN --help, muster NOUN VERB --help',
  ]
}

/** The explanation of a command, of a noun, or of everything. */
export function help<S>(tree: Tree<S>, words: readonly string[]): string {
  const below = commandsBelow(tree, words)
  const [only] = below
  const exact = only !== undefined && below.length === 1 && only.path.length === words.length
  const noun = tree.nouns.find(({ name }) => name === words[0])
  if (words.length === 0) return `${overview(tree).join('\n')}\n`
  const lines = exact ? commandHelp(tree, only) : nounHelp(noun, below)
  return `${lines.join('\n')}\n`
}
