import { ALLOWLIST, allowlistCommands, allowlistNoun } from './allowlist.ts'
import type { Tree } from './command/command.ts'
import { completionCommands } from './completion.ts'
import { deviceCommands, deviceNoun, DEVICES } from './device.ts'
import { doctorCommand } from './doctor.ts'
import { endpointCommands, endpointNoun, ENDPOINTS } from './endpoint.ts'
import { groupCommands, groupNoun, GROUPS } from './group.ts'
import { startCommand } from './local.ts'
import { contextNoun, loginCommands } from './login.ts'
import { OPERATIONS } from './operation-progress.ts'
import { operationCommands, operationNoun } from './operation.ts'
import { GLOBALS, type Session } from './session.ts'
import { statusCommand, versionCommand } from './status.ts'

const RESOURCES = [DEVICES, GROUPS, ALLOWLIST, ENDPOINTS, OPERATIONS]

/** Every command of `muster`: what parses, helps, completes and documents. */
export const TREE: Tree<Session> = {
  globals: GLOBALS,
  nouns: [deviceNoun, groupNoun, allowlistNoun, endpointNoun, operationNoun, contextNoun],
  commands: [
    startCommand,
    statusCommand,
    doctorCommand,
    versionCommand,
    ...loginCommands,
    ...completionCommands(() => TREE, RESOURCES),
    ...deviceCommands,
    ...groupCommands,
    ...allowlistCommands,
    ...endpointCommands,
    ...operationCommands,
  ],
}
