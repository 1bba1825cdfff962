/** An option, `--name VALUE` or a flag. */
export interface Option {
  readonly name: string
  readonly short?: string
  /** What stands for the value in help; a flag has none. */
  readonly value?: string
  readonly many?: true
  readonly choices?: readonly string[]
  /** What completes the value: a noun, `query` or `file`. */
  readonly complete?: string
  readonly summary: string
}

export interface Argument {
  readonly name: string
  readonly optional?: true
  /** The last argument may be given several times. */
  readonly many?: true
  readonly choices?: readonly string[]
  readonly complete?: string
}

/** One command. The table of them makes parser, help, completion and docs. */
export interface Command<Session> {
  /** Its words: `['device', 'list']`. */
  readonly path: readonly string[]
  readonly summary: string
  readonly arguments?: readonly Argument[]
  readonly options?: readonly Option[]
  /** It handles Ctrl-C itself. */
  readonly stops?: true
  /** All that follows is handed on as it is: the options are another's. */
  readonly raw?: true
  /** Used by completion itself; not shown. */
  readonly hidden?: true
  /** The exit code; nothing is 0. */
  run(session: Session, input: Input): Promise<number | void>
}

/** A first word with verbs below it. */
export interface Noun {
  readonly name: string
  readonly summary: string
  /** A command, two blanks or more, what it does. */
  readonly examples?: readonly string[]
}

export interface Tree<Session> {
  readonly nouns: readonly Noun[]
  readonly commands: readonly Command<Session>[]
  /** Options of every command. */
  readonly globals: readonly Option[]
}

/** The command line is not one of ours: exit 2. */
export class UsageError extends Error {
  readonly command: readonly string[]

  constructor(message: string, command: readonly string[] = []) {
    super(message)
    this.name = 'UsageError'
    this.command = command
  }
}

/** What the command line said. */
export class Input {
  readonly command: readonly string[]
  readonly arguments: readonly string[]
  readonly options: ReadonlyMap<string, readonly string[]>

  constructor(
    command: readonly string[],
    given: readonly string[],
    options: ReadonlyMap<string, readonly string[]>,
  ) {
    this.command = command
    this.arguments = given
    this.options = options
  }

  /** A required argument; the parser has seen that it is there. */
  argument(index: number): string {
    const value = this.arguments[index]
    if (value === undefined) throw new UsageError('an argument is missing', this.command)
    return value
  }

  text(name: string): string | undefined {
    return this.options.get(name)?.at(-1)
  }

  texts(name: string): readonly string[] {
    return this.options.get(name) ?? []
  }

  flag(name: string): boolean {
    return this.options.has(name)
  }

  /** A whole number of at least `least`. */
  integer(name: string, least = 0): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^[0-9]{1,15}$/.test(text) && value >= least) return value
    throw new UsageError(`--${name} takes a whole number from ${least}, not ${text}`, this.command)
  }

  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw new UsageError(`--${name} is needed`, this.command)
    return value
  }
}
