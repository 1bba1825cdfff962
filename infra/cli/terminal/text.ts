// C0, DEL, C1, and what turns or hides the text around it: a device's name must not drive the operator's terminal.
// oxlint-disable-next-line no-control-regex -- control characters are what it replaces
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** One line of text that moves nothing on a terminal. */
export function plain(text: string): string {
  return text.replace(UNSAFE, '\ufffd')
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const ZERO = /\p{Mark}|\u200d/u

/** Cells that a text takes on a terminal. */
export function width(text: string): number {
  let cells = 0
  for (const char of text) {
    if (!ZERO.test(char)) cells += WIDE.test(char) ? 2 : 1
  }
  return cells
}

export function padEnd(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - width(text)))
}

/** Cut to so many cells, with … at the end. */
export function truncate(text: string, cells: number): string {
  if (width(text) <= cells) return text
  let cut = ''
  for (const char of text) {
    if (width(cut + char) >= cells) break
    cut += char
  }
  return `${cut}…`
}

/** 1204 → 1,204 */
export function grouped(count: number | bigint | string): string {
  return String(count).replace(/\B(?=([0-9]{3})+(?![0-9]))/g, ',')
}

/** 1 device, 2 devices: a count and what it counts. */
export function counted(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1536 → 1.5 KiB */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const shown = unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))
  return `${shown} ${UNITS[unit] ?? 'B'}`
}
