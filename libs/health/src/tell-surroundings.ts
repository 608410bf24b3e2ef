import type { ArtifactStore } from '#artifacts';
import type { Database } from '#database';
import { metrics, onScrape } from '#observability';

/** Lets each scrape see how the program's pool is used, and how much room the artifact store has left. */
export function tellSurroundings(database: Database, store: ArtifactStore): void {
  onScrape(async () => {
    const { inUse, idle, waiting } = database.poolUse;
    metrics.poolConnections.set({ state: 'in_use' }, inUse);
    metrics.poolConnections.set({ state: 'idle' }, idle);
    metrics.poolWaiting.set(waiting);
    const room = await store.room().catch(() => null);
    if (room === null) return;
    metrics.diskFree.set(room.freeBytes);
    metrics.diskSize.set(room.totalBytes);
  });
}
