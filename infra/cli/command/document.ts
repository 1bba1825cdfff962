import type { Command, Option, Tree } from './command.ts'
import { optionSummary, optionUsage, usage } from './help.ts'
import { commandsBelow } from './parse.ts'

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``
const cell = (text: string): string => text.replaceAll('|', '\\|')

function optionRows(options: readonly Option[]): string[] {
  return options.map((each) => `| ${code(optionUsage(each))} | ${cell(optionSummary(each))} |`)
}

function commandRow<S>(command: Command<S>): string {
  const options = (command.options ?? []).map((option) => code(optionUsage(option))).join(' ')
  return `| ${code(usage(command))} | ${cell(command.summary)} | ${options} |`
}

function table<S>(commands: readonly Command<S>[]): string[] {
  return ['| command | does | options |', '|---|---|---|', ...commands.map(commandRow)]
}

/** The page of the documentation, from the same table that parses. */
export function document<S>(tree: Tree<S>, preface: string): string {
  const single = commandsBelow(tree, []).filter(({ path }) => path.length === 1)
  const nouns = tree.nouns.flatMap(({ name, summary, examples = [] }) => [
    '',
    `## ${name}`,
    '',
    summary,
    '',
    ...table(commandsBelow(tree, [name])),
    ...(examples.length > 0 ? ['', '```', ...examples, '```'] : []),
  ])
  return `${[
    preface.trim(),
    '',
    '## Options of every command',
    '',
    '| option | does |',
    '|---|---|',
    ...optionRows(tree.globals),
    '',
    '## Commands without a noun',
    '',
    ...table(single),
    ...nouns,
  ].join('\n')}\n`
}
