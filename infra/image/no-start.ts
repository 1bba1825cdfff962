import { UsageError } from '../cli/command/command.ts'

/** What `muster start` is in an image. */
export function start(): never {
  throw new UsageError('start is not part of this image: its parts are images of their own')
}
