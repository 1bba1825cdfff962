const ROOT = new URL('../../../', import.meta.url)

/** Reads the functions' code while the database starts; whoever mounts them finds it read, or what is wrong with it. */
export async function preload(names: readonly string[]): Promise<void> {
  await Promise.allSettled(
    names.map((name) => import(new URL(`functions/${name}/handler.ts`, ROOT).href)),
  )
}
