// Messages to a function as the connector sends them.
import assert from 'node:assert/strict'
import {
  BATCH_TYPE,
  decodeAnswer,
  encodeItem,
  joinBatch,
  type Answer,
  type Item,
} from '../../shared/mqtt/delivery.ts'
import { signedRequest } from './call.ts'

export type TestMessage = Pick<Item, 'topic'> &
  Partial<Omit<Item, 'payload' | 'topic'>> & { readonly payload?: string | Buffer | object }

/** Encodes messages, each with a delivery number of its own unless it has one. */
export function createSender(slot: number, epoch = '5') {
  let delivered = 0n
  let packet = 0
  const event = (message: TestMessage): string => {
    const { payload = '', topic, ...rest } = message
    delivered += 1n
    packet = (packet % 65_535) + 1
    const text =
      typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
    const id = String((BigInt(epoch) << 40n) + delivered)
    return encodeItem({
      id,
      slot,
      epoch,
      packet,
      dup: false,
      ...rest,
      topic,
      payload: Buffer.from(text),
    })
  }
  return {
    /** Calls a function with these messages in one batch. */
    async send<D>(
      functionName: string,
      call: (request: Request, deps: D) => Promise<Response>,
      deps: D,
      messages: readonly TestMessage[],
    ): Promise<Answer> {
      const body = joinBatch(messages.map(event))
      const options = { caller: 'connector', body, type: BATCH_TYPE }
      const response = await call(signedRequest(functionName, '/mqtt', options), deps)
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.equal(response.status, 200, bytes.toString())
      return decodeAnswer(bytes, messages.length)
    },
  }
}

/** Frames as a test reads them: topic and JSON. */
export function told({ frames }: Answer): [string, unknown][] {
  return frames.map(({ topic, payload }) => {
    const text = payload.toString()
    return [topic, text === '' ? '' : JSON.parse(text)]
  })
}
