import { execFile } from 'node:child_process'

const OUTPUT_BYTES = 512 * 1024 * 1024

export interface Ran {
  readonly bytes: Buffer
  readonly stdout: string
}

/**
 * Runs a program to its end.
 * @throws with the last line that it wrote to standard error
 */
export function run(
  program: string,
  args: readonly string[],
  { cwd, input }: { cwd?: string; input?: Buffer } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = { cwd, maxBuffer: OUTPUT_BYTES, encoding: 'buffer' as const }
    const child = execFile(program, args, options, (error, bytes, errors) => {
      if (error === null) return resolve({ bytes, stdout: bytes.toString('utf8') })
      const said = errors.toString('utf8').trim().split('\n').at(-1)
      const reason = 'code' in error && error.code === 'ENOENT' ? 'is not installed' : said
      return reject(new Error(`${program} ${args[0] ?? ''}: ${reason ?? ''}`, { cause: error }))
    })
    child.stdin?.end(input)
  })
}
