import { createRouter, readRoute } from './route.ts'
import { ROUTES } from './route-table.ts'

/** The route of a public path in this version's table. */
export const matchRoute = createRouter(ROUTES.map(readRoute))
