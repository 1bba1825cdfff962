import { statement } from '../db/statement.ts'

export interface HealthMarkRow {
  name: string
  at: Date
  problem: string | null
}

export const readHealthMarks = statement<[], HealthMarkRow>(
  'health_marks_read',
  `select name, at, problem from health_marks order by name`,
)
