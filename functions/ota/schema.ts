import * as z from 'zod'
import { Time } from '../../shared/http/openapi.ts'

const Id = z.string().meta({ description: 'Decimal' })
const Bytes = z.number().int().nonnegative()
const Hex = z.string().meta({ description: 'Hexadecimal' })
const Count = z.number().int().nonnegative()

export const KeySchema = z
  .object({
    name: z.string(),
    algorithm: z.enum(['ecdsa-p256', 'rsa', 'ed25519']),
    fingerprint: Hex,
    public_key: z.string().meta({ description: 'PEM' }),
    hardware_revs: z.array(z.string()).nullable(),
    state: z.enum(['active', 'revoked']),
    created_at: Time,
    revoked_at: Time.nullable(),
  })
  .meta({ id: 'Key' })

export const UploadSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    version: z.string(),
    bytes: Bytes,
    sha256: Hex,
    signed: z.boolean(),
    state: z.enum(['open', 'checking', 'ready', 'refused']),
    part_bytes: Bytes,
    parts: z.array(z.object({ number: z.number().int(), bytes: Bytes })),
    missing: z.array(z.number().int()),
    artifact_id: Id.nullable(),
    operation_id: Id.nullable(),
    code: z.string().nullable().meta({ description: 'Why it was refused' }),
    detail: z.string().nullable(),
    expires_at: Time,
  })
  .meta({ id: 'Upload' })

export const PartSchema = z.object({ number: z.number().int(), bytes: Bytes })

export const ArtifactSchema = z
  .object({
    id: Id,
    name: z.string(),
    format: z.literal('raw'),
    version: z.string(),
    bytes: Bytes,
    sha256: Hex,
    sha1: Hex,
    md5: Hex,
    signature: z.enum(['trusted', 'unsigned_allowed']),
    signed_by: z.string().nullable(),
    hardware_revs: z.array(z.string()).meta({ description: 'Of the releases that hold it' }),
    state: z.enum(['ready', 'blocked']),
    created_at: Time,
  })
  .meta({ id: 'Artifact' })

export const ReleaseSchema = z
  .object({
    id: Id,
    name: z.string(),
    version: z.string(),
    artifacts: z.array(
      z.object({
        hardware_rev: z.string(),
        artifact_id: Id,
        name: z.string(),
        bytes: Bytes,
        sha256: Hex,
        state: z.enum(['ready', 'blocked']),
      }),
    ),
    created_at: Time,
  })
  .meta({ id: 'Release' })

const Counters = {
  total: Count,
  succeeded: Count,
  failed: Count,
  cancelled: Count,
}

const WarningSchema = z.object({
  code: z.string(),
  detail: z.string(),
  hint: z.string().nullable(),
})

export const RolloutSchema = z
  .object({
    id: Id,
    name: z.string(),
    release: z.string(),
    version: z.string(),
    query: z.string(),
    kind: z.enum(['soft', 'forced']),
    status: z.string(),
    problem: z.string().nullable(),
    rules: z.record(z.string(), z.unknown()),
    author: z.string(),
    approver: z.string().nullable(),
    revision: z.string(),
    ...Counters,
    done: Count,
    groups: z.array(
      z.object({
        number: z.number().int(),
        percent: z.number(),
        state: z.enum(['scheduled', 'running', 'finished', 'failed']),
        ...Counters,
        released: Count,
      }),
    ),
    warnings: z.array(WarningSchema).optional(),
    created_at: Time,
    started_at: Time.nullable(),
    finished_at: Time.nullable(),
  })
  .meta({ id: 'Rollout' })

export const PlanSchema = z
  .object({
    query: z.string(),
    total: Count,
    eligible: Count,
    groups: z.array(z.object({ number: z.number().int(), percent: z.number(), total: Count })),
    left_out: z.object({
      inactive: Count,
      no_artifact: Count,
      same_version: Count,
      newer_version: Count,
    }),
    hardware: z.array(z.object({ hardware_rev: z.string(), total: Count })),
    warnings: z.array(WarningSchema),
  })
  .meta({ id: 'RolloutPlan' })

export const ActionSchema = z
  .object({
    device_id: z.string(),
    number: z.number().int(),
    rollout: z.string(),
    group: z.number().int(),
    release: z.string(),
    version: z.string(),
    phase: z.string(),
    state: z.string(),
    state_at: Time,
    created_at: Time,
    from_version: z.string().nullable(),
    agent_verdict: z.string().nullable(),
    attempt: z.number().int(),
  })
  .meta({ id: 'Action' })

export const LogSchema = z.object({
  items: z.array(
    z.object({
      at: Time,
      state: z.string(),
      code: z.number().int().nullable(),
      progress: z.number().int().nullable(),
      messages: z.string().nullable(),
    }),
  ),
})

export const DryRunSchema = z.object({
  q: z.string(),
  count: Count,
  samples: z.array(z.string()),
  warnings: z.array(WarningSchema),
})

export const QueuedSchema = z.object({
  id: Id,
  kind: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  actor: z.string(),
  query: z.string().nullable(),
  change: z.unknown(),
  total: z.number().int().nullable(),
  done: z.number().int(),
  failed: z.number().int(),
  created_at: Time,
  finished_at: Time.nullable(),
})
