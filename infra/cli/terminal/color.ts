import { styleText } from 'node:util'

const STATES = new Map<string, 'green' | 'yellow' | 'red' | 'gray'>([
  ['active', 'green'],
  ['ready', 'green'],
  ['succeeded', 'green'],
  ['finished', 'green'],
  ['enabled', 'green'],
  ['running', 'yellow'],
  ['suspended', 'yellow'],
  ['paused', 'yellow'],
  ['failed', 'red'],
  ['revoked', 'red'],
  ['refused', 'red'],
  ['rejected', 'red'],
  ['timed_out', 'red'],
  ['decommissioned', 'gray'],
  ['superseded', 'gray'],
  ['cancelled', 'gray'],
])

/** Colours a state's word; the word itself stays, so colour is never alone. Obeys NO_COLOR, FORCE_COLOR and pipes. */
export function colorState(word: string, stream: NodeJS.WriteStream): string {
  const color = STATES.get(word)
  return color === undefined ? word : styleText(color, word, { stream })
}
