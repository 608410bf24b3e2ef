import { ArtifactNotFound, type ArtifactStore } from '#artifacts';
import type { ProducedFile, TableFile } from '#execution';
import type { DoneStep, Lease, NewArtifact } from '#jobs';
import { isDomainError } from '#observability';
import { createReadStream } from 'node:fs';

const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
const TABLE_KIND = 'table.parquet';

/** The store did not take a file, for no fault of the step that made it: a full or missing disk, most often. */
export class FilesUnavailable extends Error {
  constructor(cause: unknown) {
    super('The artifact store did not take a file of the run.', { cause });
  }
}

/** The files of a run's steps on their way into the artifact store, and out of it again when a run is resumed. */
export class RunFiles {
  constructor(
    private readonly store: ArtifactStore,
    private readonly lease: Lease,
  ) {}

  /** Files go to the store first, under the run's own names; their rows follow with the step's outcome. */
  async keep(stepId: string, files: readonly ProducedFile[], signal: AbortSignal): Promise<NewArtifact[]> {
    const kept: NewArtifact[] = [];
    for (const file of files) {
      const storageName = `runs/${this.lease.runId}/${file.relPath}`;
      const source = createReadStream(file.path);
      const limits = { maxBytes: ARTIFACT_MAX_BYTES, signal };
      const written = await this.store
        .write({ ...this.lease, storageName }, source, limits)
        .catch((error: unknown) => {
          if (signal.aborted || isDomainError(error)) throw error;
          throw new FilesUnavailable(error);
        });
      kept.push({
        rel_path: file.relPath,
        kind: file.kind,
        content_type: file.contentType,
        storage_name: storageName,
        run_id: this.lease.runId,
        step_id: stepId,
        ...written,
      });
    }
    return kept;
  }

  /** Forgets files whose rows did not come. */
  async discard(artifacts: readonly NewArtifact[]): Promise<void> {
    for (const { storage_name: storageName } of artifacts) {
      await this.store.remove({ ...this.lease, storageName });
    }
  }

  pathOf(storageName: string): string {
    return this.store.pathOf({ ...this.lease, storageName });
  }

  /** The table that a step just made, for the steps after it. */
  tableOf(stepId: string, files: readonly ProducedFile[]): TableFile | null {
    const table = files.find((file) => file.kind === TABLE_KIND);
    return table ? { stepId, path: table.path } : null;
  }

  /** The table of a step that was done before; null if there was none. Throws if a file of the step is gone. */
  async tableOfDone(done: DoneStep): Promise<TableFile | null> {
    for (const { storageName } of done.files) {
      if (!(await this.store.stat({ ...this.lease, storageName }))) throw new ArtifactNotFound();
    }
    const table = done.files.find((file) => file.kind === TABLE_KIND);
    return table ? { stepId: done.stepId, path: this.pathOf(table.storageName) } : null;
  }
}
