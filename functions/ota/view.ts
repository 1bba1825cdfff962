import type { Artifact } from '../../shared/artifact/artifact.ts'
import type { KeyRow } from '../../shared/artifact/key-queries.ts'
import { ALGORITHMS, fingerprint } from '../../shared/artifact/public-key.ts'
import type { Release } from '../../shared/artifact/releases.ts'
import { missingParts, type Upload } from '../../shared/artifact/upload.ts'
import type { Warning } from '../../shared/query/check.ts'
import type { ActionRow, StatusRow } from '../../shared/rollout/action-queries.ts'
import type { Plan } from '../../shared/rollout/plan.ts'
import type { Counters, Rollout } from '../../shared/rollout/rollout.ts'

const time = (date: Date | null): string | null => date?.toISOString() ?? null
const id = (number: number | null): string | null => (number === null ? null : String(number))

const pem = (der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join('\n')
}

export const keyView = (row: KeyRow) => ({
  name: row.key_id,
  algorithm: ALGORITHMS.find((known) => known === row.algorithm) ?? ('rsa' as const),
  fingerprint: fingerprint(row.public_key),
  public_key: pem(row.public_key),
  hardware_revs: row.hardware_revs,
  state: row.revoked_at === null ? ('active' as const) : ('revoked' as const),
  created_at: row.created_at.toISOString(),
  revoked_at: time(row.revoked_at),
})

export const uploadView = (upload: Upload, partBytes: number) => ({
  id: upload.upload_id,
  name: upload.name,
  version: upload.version,
  bytes: Number(upload.size),
  sha256: upload.sha256.toString('hex'),
  signed: upload.signature !== null,
  state: upload.state,
  part_bytes: partBytes,
  parts: upload.parts.map(({ part, size }) => ({ number: part, bytes: size })),
  missing: missingParts(upload, partBytes),
  artifact_id: id(upload.artifact_id),
  operation_id: id(upload.operation_id),
  code: upload.code,
  detail: upload.detail,
  expires_at: upload.expires_at.toISOString(),
})

export const artifactView = (artifact: Artifact) => ({
  id: String(artifact.artifact_id),
  name: artifact.name,
  format: artifact.format,
  version: artifact.version,
  bytes: Number(artifact.size),
  sha256: artifact.sha256.toString('hex'),
  sha1: artifact.sha1.toString('hex'),
  md5: artifact.md5.toString('hex'),
  signature: artifact.signature,
  signed_by: artifact.key_id,
  hardware_revs: artifact.hardware_revs,
  state: artifact.state,
  created_at: artifact.created_at.toISOString(),
})

export const releaseView = (release: Release) => ({
  id: String(release.release_id),
  name: release.name,
  version: release.version,
  artifacts: release.artifacts.map((each) => ({
    hardware_rev: each.hardware_rev,
    artifact_id: String(each.artifact_id),
    name: each.name,
    bytes: Number(each.size),
    sha256: each.sha256.toString('hex'),
    state: each.state,
  })),
  created_at: release.created_at.toISOString(),
})

const sum = (groups: readonly Counters[], of: (group: Counters) => number): number =>
  groups.reduce((total, group) => total + of(group), 0)

export const rolloutView = (rollout: Rollout) => {
  const { groups, rules } = rollout
  const succeeded = sum(groups, (group) => group.succeeded)
  const failed = sum(groups, (group) => group.failed)
  const cancelled = sum(groups, (group) => group.cancelled)
  return {
    id: String(rollout.rollout_id),
    name: rollout.name,
    release: rollout.release,
    version: rollout.version,
    query: rollout.query,
    kind: rollout.kind,
    status: rollout.status,
    problem: rollout.problem,
    rules: { ...rules },
    author: rollout.author,
    approver: rollout.approver,
    revision: String(rollout.revision),
    total: sum(groups, (group) => group.total),
    succeeded,
    failed,
    cancelled,
    done: succeeded + failed + cancelled,
    groups: groups.map((group) => ({
      number: group.grp,
      percent: group.percent,
      state: group.state,
      total: group.total,
      released: group.released,
      succeeded: group.succeeded,
      failed: group.failed,
      cancelled: group.cancelled,
    })),
    created_at: rollout.created_at.toISOString(),
    started_at: time(rollout.selected_at),
    finished_at: time(rollout.finished_at),
  }
}

export const warningView = ({ code, detail, hint }: Warning) => ({
  code,
  detail,
  hint: hint ?? null,
})

export const planView = (plan: Plan) => ({
  query: plan.rollout.query,
  total: plan.total,
  eligible: plan.eligible,
  groups: plan.rollout.groups.map(({ grp, percent }, index) => ({
    number: grp,
    percent,
    total: plan.groups[index] ?? 0,
  })),
  left_out: plan.leftOut,
  hardware: plan.hardware.map(({ hardwareRev, total }) => ({ hardware_rev: hardwareRev, total })),
  warnings: plan.warnings.map(warningView),
})

export const actionView = (action: ActionRow) => ({
  device_id: action.device_id,
  number: action.number,
  rollout: action.rollout,
  group: action.grp,
  release: action.release,
  version: action.version,
  phase: action.phase,
  state: action.state,
  state_at: action.state_at.toISOString(),
  created_at: action.created_at.toISOString(),
  from_version: action.from_version,
  agent_verdict: action.agent_verdict,
  attempt: action.attempt,
})

export const logView = (row: StatusRow) => ({
  at: row.at.toISOString(),
  state: row.state,
  code: row.code,
  progress: row.progress,
  messages: row.messages,
})
