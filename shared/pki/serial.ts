import { randomBytes } from 'node:crypto'

/**
 * 16 bytes, 127 of their bits random: positive as they stand, and drawn again while the first is 0, so that every serial is
 * as long as its INTEGER. Unique by chance, 2^-74 at 100 million certificates.
 */
export function newSerial(): Buffer {
  for (;;) {
    const serial = randomBytes(16)
    const first = serial.readUInt8(0) & 0x7f
    if (first === 0) continue
    serial.writeUInt8(first, 0)
    return serial
  }
}

/** As devices, operators and `openssl x509 -serial` write it. */
export function serialText(serial: Buffer): string {
  return serial.toString('hex').toUpperCase()
}

/** Undefined where the text is no serial. */
export function parseSerial(text: string): Buffer | undefined {
  return /^(?:[0-9A-Fa-f]{2}){1,20}$/.test(text) ? Buffer.from(text, 'hex') : undefined
}
