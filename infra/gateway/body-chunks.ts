import type { Readable } from 'node:stream'

const AHEAD_BYTES = 65_536

/**
 * Reads a body piece by piece without owning it: an async iterator of the stream could be left only by ending the
 * connection, and with it the answer.
 */
export class BodyChunks {
  readonly #body: Readable
  readonly #waiting: Buffer[] = []
  #ahead = 0
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(body: Readable) {
    this.#body = body
    body.on('data', this.#onData).on('end', this.#onEnd)
    body.on('error', this.#onBroken).on('close', this.#onBroken)
  }

  /** The next piece; `undefined` is the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift()
      if (chunk) {
        this.#ahead -= chunk.length
        if (this.#ahead <= AHEAD_BYTES) this.#body.resume()
        return chunk
      }
      if (this.#ended) return undefined
      if (this.#failure) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Lets go of the body, so that someone else may read what is left. */
  release(): void {
    this.#body.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBroken)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting.push(chunk)
    this.#ahead += chunk.length
    if (this.#ahead > AHEAD_BYTES) this.#body.pause()
    this.#wake?.()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#wake?.()
  }

  readonly #onBroken = (error?: Error): void => {
    if (this.#ended) return
    this.#failure ??= error ?? new Error('the client went away')
    this.#wake?.()
  }
}

/** A body as the fetch standard has it, read as fast as it is taken. `cancel` is what happens when nobody wants the rest. */
export function webBody(
  chunks: BodyChunks,
  cancel: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      pull: async (controller) => {
        const chunk = await chunks.next()
        if (chunk) controller.enqueue(new Uint8Array(chunk))
        else controller.close()
      },
      cancel,
    },
    { highWaterMark: 0 },
  )
}
