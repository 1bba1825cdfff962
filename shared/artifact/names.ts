import * as z from 'zod'

/** What operators call things: unique per noun, and never all digits, since ids are. */
export const Name = z
  .string()
  .regex(
    /^(?![0-9]+$)[a-z0-9][a-z0-9.-]{0,62}$/,
    'small letters, digits, . and -, at most 63, not all digits',
  )

/** A file's own name: shown and offered to who downloads, never a path. */
export const FileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, 'letters, digits and . _ + -, at most 128')

/** As the device says it: the fleet query language bounds it too. */
export const Version = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'visible ASCII without spaces')

export const HardwareRev = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\x20-\x7e]+$/, 'visible ASCII')

export const Sha256Hex = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, '64 hexadecimal digits')
  .transform((text) => Buffer.from(text, 'hex'))
