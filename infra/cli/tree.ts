import { actionCommands, actionNoun, ACTIONS } from './action.ts'
import { ALLOWLIST, allowlistCommands, allowlistNoun } from './allowlist.ts'
import type { Tree } from './command/command.ts'
import { ARTIFACTS, artifactCommands, artifactNoun } from './artifact.ts'
import { auditCommands, auditNoun } from './audit.ts'
import { authorityList } from './authority-list.ts'
import { authorityCommands, authorityNoun } from './authority.ts'
import { certificateCommands, certificateNoun, CERTIFICATES } from './certificate.ts'
import { completionCommands } from './completion.ts'
import { CREDENTIALS, credentialCommands, credentialNoun } from './credential.ts'
import { deadLetterCommands, deadLetterNoun, DEAD_LETTERS } from './dead-letter.ts'
import { deviceCommands, deviceNoun, DEVICES } from './device.ts'
import { doctorCommand } from './doctor.ts'
import { endpointCommands, endpointNoun, ENDPOINTS } from './endpoint.ts'
import { enrollmentCommands, enrollmentNoun, ENROLLMENTS } from './enrollment.ts'
import { eventCommands, eventNoun } from './event.ts'
import { fleetCommands, fleetNoun } from './fleet.ts'
import { groupCommands, groupNoun, GROUPS } from './group.ts'
import { indexCommands, indexNoun, INDEXES } from './index-noun.ts'
import { KEYS, keyCommands, keyNoun } from './key.ts'
import { demoCommand, startCommand } from './local.ts'
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
import { WEBHOOKS, webhookCommands, webhookNoun } from './webhook.ts'
import { statusCommand, versionCommand } from './status.ts'

const RESOURCES = [
  DEVICES,
  GROUPS,
  ALLOWLIST,
  CREDENTIALS,
  CERTIFICATES,
  ENROLLMENTS,
  INDEXES,
  ENDPOINTS,
  ARTIFACTS,
  KEYS,
  RELEASES,
  ROLLOUTS,
  ACTIONS,
  OPERATIONS,
  DEAD_LETTERS,
  WEBHOOKS,
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
    certificateNoun,
    authorityNoun,
    enrollmentNoun,
    fleetNoun,
    shadowNoun,
    indexNoun,
    artifactNoun,
    keyNoun,
    releaseNoun,
    rolloutNoun,
    actionNoun,
    operationNoun,
    deadLetterNoun,
    eventNoun,
    webhookNoun,
    tokenNoun,
    topicNoun,
    settingsNoun,
    auditNoun,
    contextNoun,
  ],
  commands: [
    startCommand,
    demoCommand,
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
    ...certificateCommands,
    authorityList,
    ...authorityCommands,
    ...enrollmentCommands,
    ...fleetCommands,
    ...shadowCommands,
    ...indexCommands,
    ...artifactCommands,
    ...keyCommands,
    ...releaseCommands,
    ...rolloutCommands,
    ...actionCommands,
    ...operationCommands,
    ...deadLetterCommands,
    ...eventCommands,
    ...webhookCommands,
    ...tokenCommands,
    ...topicCommands,
    ...settingsCommands,
    ...auditCommands,
  ],
}
