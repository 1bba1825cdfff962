// HAProxy and its agent in one container: writes HAProxy's files, starts it, keeps it, and ends when either ends.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { supervise } from '../supervise.ts'

// Beside this file, as source and as bundle alike.
const AGENT = fileURLToPath(new URL(`main${path.extname(import.meta.url)}`, import.meta.url))
const CONFIGURATION = fileURLToPath(new URL('haproxy.cfg', import.meta.url))
const { EDGE_RUN = '/run/muster' } = process.env

process.exitCode = await supervise({
  prepare: [process.execPath, AGENT, 'prepare'],
  parts: [
    ['haproxy', '-W', '-S', path.join(EDGE_RUN, 'master.sock'), '-f', CONFIGURATION],
    [process.execPath, AGENT],
  ],
})
