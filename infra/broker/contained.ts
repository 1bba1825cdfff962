// Mosquitto and its agent in one container: the agent signals the broker, so both share a process tree. Writes the broker's files, starts it,
// keeps it, and ends when either ends.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { supervise } from '../supervise.ts'
import { CONFIGURATION } from './prepare.ts'

// Beside this file, as source and as bundle alike.
const AGENT = fileURLToPath(new URL(`main${path.extname(import.meta.url)}`, import.meta.url))
const USAGE = 2

const folder = process.env['BROKER_FOLDER']
if (folder === undefined) {
  process.stderr.write('broker: BROKER_FOLDER is missing\n')
  process.exitCode = USAGE
} else {
  process.exitCode = await supervise({
    prepare: [process.execPath, AGENT, 'prepare'],
    parts: [
      ['mosquitto', '-c', path.join(folder, CONFIGURATION)],
      [process.execPath, AGENT],
    ],
  })
}
