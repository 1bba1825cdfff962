import { actionCommands, actionNoun, ACTIONS } from './action.ts'
import { ALLOWLIST, allowlistCommands, allowlistNoun } from './allowlist.ts'
import type { Tree } from './command/command.ts'
import { ARTIFACTS, artifactCommands, artifactNoun } from './artifact.ts'
import { completionCommands } from './completion.ts'
import { CREDENTIALS, credentialCommands, credentialNoun } from './credential.ts'
import { deviceCommands, deviceNoun, DEVICES } from './device.ts'
import { doctorCommand } from './doctor.ts'
import { endpointCommands, endpointNoun, ENDPOINTS } from './endpoint.ts'
import { groupCommands, groupNoun, GROUPS } from './group.ts'
import { KEYS, keyCommands, keyNoun } from './key.ts'
import { startCommand } from './local.ts'
import { contextNoun, loginCommands } from './login.ts'
import { openCommand } from './open.ts'
import { OPERATIONS } from './operation-progress.ts'
import { operationCommands, operationNoun } from './operation.ts'
import { RELEASES, releaseCommands, releaseNoun } from './release.ts'
import { rolloutCommands, rolloutNoun, ROLLOUTS } from './rollout.ts'
import { GLOBALS, type Session } from './session.ts'
import { SETTINGS, settingsCommands, settingsNoun } from './settings.ts'
import { shadowCommands, shadowNoun } from './shadow.ts'
import { TOKENS, tokenCommands, tokenNoun } from './token.ts'
import { TOPICS, topicCommands, topicNoun } from './topic.ts'
import { statusCommand, versionCommand } from './status.ts'

const RESOURCES = [
  DEVICES,
  GROUPS,
  ALLOWLIST,
  CREDENTIALS,
  ENDPOINTS,
  ARTIFACTS,
  KEYS,
  RELEASES,
  ROLLOUTS,
  ACTIONS,
  OPERATIONS,
  TOKENS,
  TOPICS,
  SETTINGS,
]

/** Every command of `muster`: what parses, helps, completes and documents. */
export const TREE: Tree<Session> = {
  globals: GLOBALS,
  nouns: [
    deviceNoun,
    groupNoun,
    allowlistNoun,
    credentialNoun,
    endpointNoun,
    shadowNoun,
    artifactNoun,
    keyNoun,
    releaseNoun,
    rolloutNoun,
    actionNoun,
    operationNoun,
    tokenNoun,
    topicNoun,
    settingsNoun,
    contextNoun,
  ],
  commands: [
    startCommand,
    statusCommand,
    doctorCommand,
    versionCommand,
    openCommand,
    ...loginCommands,
    ...completionCommands(() => TREE, RESOURCES),
    ...deviceCommands,
    ...groupCommands,
    ...allowlistCommands,
    ...credentialCommands,
    ...endpointCommands,
    ...shadowCommands,
    ...artifactCommands,
    ...keyCommands,
    ...releaseCommands,
    ...rolloutCommands,
    ...actionCommands,
    ...operationCommands,
    ...tokenCommands,
    ...topicCommands,
    ...settingsCommands,
  ],
}
