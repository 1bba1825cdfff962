import { queryFault, shown, type Advice, type FaultCode, type Span } from './fault.ts'

const SPACE = /[ \t\r\n]*/y
const WORD = /[A-Za-z_]+(?![A-Za-z0-9_.-])/y

/** Reads tokens from left to right; blanks before a token do not count. */
export class Scanner {
  readonly text: string
  position = 0

  constructor(text: string) {
    this.text = text
  }

  /** Skips blanks and says where the next token begins. */
  here(): number {
    SPACE.lastIndex = this.position
    SPACE.exec(this.text)
    this.position = SPACE.lastIndex
    return this.position
  }

  atEnd(): boolean {
    return this.here() >= this.text.length
  }

  /** The next token, if it is of this (sticky) pattern. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.here()
    const found = pattern.exec(this.text)
    if (!found) return undefined
    this.position = pattern.lastIndex
    return found[0]
  }

  /** Takes a keyword, in any case. */
  keyword(word: string): boolean {
    const at = this.here()
    if (this.take(WORD)?.toLowerCase() === word) return true
    this.position = at
    return false
  }

  /** Takes a single character. */
  symbol(char: string): boolean {
    const at = this.here()
    if (this.text[at] !== char) return false
    this.position = at + 1
    return true
  }

  /** What stands here, for a message. */
  found(): string {
    if (this.atEnd()) return 'the end'
    const [word = ''] = /^[\w.*-]+|^./su.exec(this.text.slice(this.position)) ?? []
    return `\`${shown(word)}\``
  }

  /** The token that stands here, as a span. */
  next(): Span {
    const at = this.here()
    const [word = ''] = /^[\w.*-]+|^./su.exec(this.text.slice(at)) ?? []
    return { at, end: at + word.length }
  }

  since(at: number): Span {
    return { at, end: this.position }
  }

  fail(code: FaultCode, message: string, span: Span, advice?: Advice): never {
    throw queryFault(this.text, code, message, span, advice)
  }
}
