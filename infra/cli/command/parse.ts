import {
  Input,
  UsageError,
  type Argument,
  type Command,
  type Option,
  type Tree,
} from './command.ts'
import { didYouMean } from './suggest.ts'

/** What to do: run a command, or explain the words given so far. */
export type Parsed<Session> =
  | { readonly kind: 'run'; readonly command: Command<Session>; readonly input: Input }
  | { readonly kind: 'help'; readonly words: readonly string[] }

interface Tokens {
  readonly options: Map<string, string[]>
  readonly words: string[]
  help: boolean
}

/** The commands whose first words are these. */
export function commandsBelow<S>(tree: Tree<S>, words: readonly string[]): Command<S>[] {
  return tree.commands.filter(
    ({ path, hidden }) => !hidden && words.every((word, index) => path[index] === word),
  )
}

const isAt = (path: readonly string[], argv: readonly string[]): boolean =>
  path.every((word, index) => argv[index] === word)

/** The command that these words begin with; the longest. */
export function findCommand<S>(tree: Tree<S>, words: readonly string[]): Command<S> | undefined {
  return tree.commands
    .filter(({ path }) => isAt(path, words))
    .toSorted((a, b) => b.path.length - a.path.length)[0]
}

function findOption(options: readonly Option[], token: string): Option | undefined {
  if (token.startsWith('--')) {
    const [name] = token.slice(2).split('=')
    return options.find((option) => option.name === name)
  }
  return options.find((option) => option.short === token.slice(1, 2))
}

function unknownOption(
  options: readonly Option[],
  token: string,
  command: readonly string[],
): never {
  const [name = ''] = token.split('=')
  const names = options.map((option) => `--${option.name}`)
  throw new UsageError(`unknown option ${name}${didYouMean(name, names)}`, command)
}

/** The value of an option, and whether it took the next token too. */
function optionValue(
  option: Option,
  token: string,
  next: string | undefined,
  command: readonly string[],
): [string, boolean] {
  const shown = token.startsWith('--') ? `--${option.name}` : `-${option.short ?? ''}`
  const equals = token.startsWith('--') ? token.indexOf('=') : -1
  const inline = token.startsWith('--') ? token.slice(equals + 1) : token.slice(2)
  const given = token.startsWith('--') ? equals >= 0 : token.length > 2
  if (option.value === undefined) {
    if (given) throw new UsageError(`${shown} takes no value`, command)
    return ['', false]
  }
  const value = given ? inline : next
  if (value === undefined) throw new UsageError(`${shown} needs a value: ${option.value}`, command)
  checkChoice(shown, value, option.choices, command)
  return [value, !given]
}

function checkChoice(
  shown: string,
  value: string,
  choices: readonly string[] | undefined,
  command: readonly string[],
): void {
  if (choices === undefined || choices.includes(value)) return
  const hint = didYouMean(value, choices) || `; one of ${choices.join(', ')}`
  throw new UsageError(`${shown} cannot be ${value}${hint}`, command)
}

function readTokens(
  argv: readonly string[],
  options: readonly Option[],
  command: string[],
): Tokens {
  const read: Tokens = { options: new Map(), words: [], help: false }
  for (let index = 0; index < argv.length; index++) {
    const token = argv[index] ?? ''
    if (token === '--') {
      read.words.push(...argv.slice(index + 1))
      return read
    }
    if (token === '--help' || token === '-h') read.help = true
    else if (!token.startsWith('-') || token === '-') read.words.push(token)
    else {
      const option = findOption(options, token) ?? unknownOption(options, token, command)
      const [value, tookNext] = optionValue(option, token, argv[index + 1], command)
      const before = read.options.get(option.name) ?? []
      if (before.length > 0 && !option.many) {
        throw new UsageError(`--${option.name} is given twice`, command)
      }
      read.options.set(option.name, [...before, value])
      if (tookNext) index += 1
    }
  }
  return read
}

function checkArguments(given: readonly string[], command: Command<never>): void {
  const wanted: readonly Argument[] = command.arguments ?? []
  const least = wanted.filter(({ optional }) => !optional).length
  const missing = wanted[given.length]
  if (given.length < least && missing) {
    throw new UsageError(`${missing.name} is missing`, command.path)
  }
  const last = wanted.at(-1)
  if (given.length > wanted.length && !last?.many) {
    throw new UsageError(`what is ${given[wanted.length]}? nothing more is taken`, command.path)
  }
  for (const [index, value] of given.entries()) {
    const argument = wanted[index] ?? last
    checkChoice(argument?.name ?? '', value, argument?.choices, command.path)
  }
}

function unknownCommand<S>(tree: Tree<S>, words: readonly string[]): never {
  const known = words.slice(0, -1)
  const depth = words.findIndex((_, i) => commandsBelow(tree, words.slice(0, i + 1)).length === 0)
  const parents = depth < 0 ? known : words.slice(0, depth)
  const word = words[parents.length] ?? ''
  const siblings = commandsBelow(tree, parents).map(({ path }) => path[parents.length] ?? '')
  const near = didYouMean(word, [...new Set(siblings)], ['muster', ...parents, ''].join(' '))
  throw new UsageError(`unknown command ${[...parents, word].join(' ')}${near}`, parents)
}

/** The words in front of the first thing that is neither a word nor a global option with its value. */
function leadingWords<S>(tree: Tree<S>, argv: readonly string[]): string[] {
  const words: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const token = argv[index] ?? ''
    if (!token.startsWith('-')) {
      words.push(token)
      continue
    }
    const option = findOption(tree.globals, token)
    const inline = token.startsWith('--') ? token.includes('=') : token.length > 2
    if (option?.value !== undefined && !inline) index += 1
    else if (option === undefined && words.length > 0) break
  }
  return words
}

/** Reads a command line. Throws UsageError. */
export function parseCommandLine<S>(tree: Tree<S>, argv: readonly string[]): Parsed<S> {
  const leading = leadingWords(tree, argv)
  const helpWords = leading[0] === 'help' ? leading.slice(1) : undefined
  if (helpWords !== undefined) return { kind: 'help', words: knownWords(tree, helpWords) }
  const command = findCommand(tree, leading)
  if (command === undefined) {
    const help = argv.includes('--help') || argv.includes('-h')
    const known = commandsBelow(tree, leading).length > 0
    if (known && (help || leading.length === 0)) return { kind: 'help', words: leading }
    if (known) throw new UsageError(`${leading.join(' ')} needs a verb`, leading)
    return unknownCommand(tree, leading)
  }
  if (command.raw) return rawCommand(command, argv)
  const all = [...(command.options ?? []), ...tree.globals]
  const { options, words, help } = readTokens(argv, all, [...command.path])
  if (help) return { kind: 'help', words: command.path }
  const given = words.slice(command.path.length)
  checkArguments(given, command)
  return { kind: 'run', command, input: new Input(command.path, given, options) }
}

/** What follows the command's own words, `--help` too. */
function rawCommand<S>(command: Command<S>, argv: readonly string[]): Parsed<S> {
  const given = argv.slice(argv.indexOf(command.path.at(-1) ?? '') + 1)
  return { kind: 'run', command, input: new Input(command.path, given, new Map()) }
}

function knownWords<S>(tree: Tree<S>, words: readonly string[]): readonly string[] {
  return commandsBelow(tree, words).length > 0 ? words : unknownCommand(tree, words)
}
