import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'

const Role = z.string().regex(/^[a-z][a-z-]*$/)
const Privilege = z
  .string()
  .regex(/^(select|insert|delete|update|truncate|usage|execute)(\([a-z0-9_]+(, [a-z0-9_]+)*\))?$/)
const Grants = z.strictObject({
  tables: z.record(z.string(), z.record(Role, z.array(Privilege).min(1))),
  sequences: z.record(z.string(), z.record(Role, z.array(Privilege).min(1))),
  functions: z.record(z.string(), z.array(Role).min(1)),
})
export type Grants = z.infer<typeof Grants>

/** The table of who may do what in the database: `grants.yml`. */
export async function readGrants(): Promise<Grants> {
  return Grants.parse(parse(await readFile(new URL('grants.yml', import.meta.url), 'utf8')))
}

/** The database role of a function, of the connector or of the broker agent. */
export function roleOf(name: string): string {
  return `muster_${name.replaceAll('-', '_')}`
}

function roles(grants: Grants): string[] {
  const named = [...Object.values(grants.tables), ...Object.values(grants.sequences)].flatMap(
    (by) => Object.keys(by),
  )
  return [...new Set([...named, ...Object.values(grants.functions).flat()])].toSorted()
}

// Roles belong to the whole cluster: another database's migration may make them at the same moment. Since 16 whoever makes
// a role may not take it (`set role`) without a grant.
const createRole = (role: string) => `do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
  if not pg_has_role(current_user, '${role}', case when current_setting('server_version_num')::int >= 160000
    then 'set' else 'member' end) then grant ${role} to current_user; end if;
exception when duplicate_object or unique_violation then null; end $$;`

/**
 * Statements that make each role and give it exactly what the table says: all is revoked first.
 * Repeatable; runs in the migration's transaction.
 */
export async function grantsSql(): Promise<string> {
  const grants = await readGrants()
  const names = roles(grants).map(roleOf)
  const lines = names.map(createRole)
  const all = names.join(', ')
  lines.push(
    `revoke all on all tables in schema public from ${all};`,
    `revoke all on all sequences in schema public from ${all};`,
    `revoke all on all functions in schema public from ${all};`,
    `grant usage on schema public to ${all};`,
  )
  for (const [kind, things] of [
    ['table', grants.tables],
    ['sequence', grants.sequences],
  ] as const) {
    for (const [thing, by] of Object.entries(things)) {
      for (const [role, privileges] of Object.entries(by)) {
        lines.push(`grant ${privileges.join(', ')} on ${kind} ${thing} to ${roleOf(role)};`)
      }
    }
  }
  for (const [thing, by] of Object.entries(grants.functions)) {
    lines.push(`grant execute on function ${thing} to ${by.map(roleOf).join(', ')};`)
  }
  return `${lines.join('\n')}\n`
}
