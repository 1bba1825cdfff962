import { readFile } from 'node:fs/promises'

/** Sends SIGHUP to the process of a pid file: Mosquitto then reads CRL and rights again. A broker that does not run reads them at its start. */
export function reloadByPidFile(file: string): () => Promise<void> {
  return async () => {
    const text = await readFile(file, 'utf8').catch(() => '')
    const pid = Number(text.trim())
    if (!Number.isSafeInteger(pid) || pid <= 1) return
    try {
      process.kill(pid, 'SIGHUP')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}
