import { createInterface } from 'node:readline/promises'

export interface Asker {
  readonly interactive: boolean
  question(text: string): Promise<string>
}

/** Questions on stderr, so that standard output stays clean. */
export function terminalAsker(): Asker {
  const interactive = process.stdin.isTTY && process.stderr.isTTY
  return {
    interactive,
    question: async (text) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return (await lines.question(text)).trim()
      } finally {
        lines.close()
      }
    },
  }
}
