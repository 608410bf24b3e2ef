import { ArtifactNotFound, type ArtifactStore, ArtifactStoreUnavailable } from '#artifacts';
import type { ProducedFile, TableFile } from '#execution';
import type { DoneStep, Lease, NewArtifact } from '#jobs';
import { isDomainError } from '#observability';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
const TABLE_KIND = 'table.parquet';

/** The store did not take or give a file, for no fault of the step that made it: a full or missing disk, most often. */
export class FilesUnavailable extends Error {
  constructor(cause: unknown) {
    super('The artifact store did not take or give a file of the run.', { cause });
  }
}

/** The files of a run's steps on their way into the artifact store, and out of it again when a run is resumed. */
export class RunFiles {
  private readonly copies: string;
  /** By the name in the store: several steps read the same datasets. */
  private readonly local = new Map<string, Promise<string>>();

  constructor(
    private readonly store: ArtifactStore,
    private readonly lease: Lease,
    workspace: string,
  ) {
    // Beside the folders that steps work in.
    this.copies = join(workspace, 'copies');
  }

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
          if (signal.aborted) throw error;
          throw unavailable(error);
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

  /** Where this machine has it; of a store elsewhere a copy, compared with the hash that was recorded. */
  async localPath(storageName: string, sha256: string | null): Promise<string> {
    const known = this.local.get(storageName);
    if (known) return known;
    const path = this.store
      .localPath({ ...this.lease, storageName }, { folder: this.copies, sha256 })
      .catch((error: unknown) => {
        this.local.delete(storageName);
        throw unavailable(error);
      });
    this.local.set(storageName, path);
    return path;
  }

  /** The table that a step just made, for the steps after it. */
  tableOf(stepId: string, files: readonly ProducedFile[]): TableFile | null {
    const table = files.find((file) => file.kind === TABLE_KIND);
    return table ? { stepId, path: table.path } : null;
  }

  /** The table of a step that was done before; null if there was none. Throws if a file of the step is gone. */
  async tableOfDone(done: DoneStep): Promise<TableFile | null> {
    for (const { storageName } of done.files) {
      const found = await this.store.stat({ ...this.lease, storageName }).catch((error: unknown) => {
        throw unavailable(error);
      });
      if (!found) throw new ArtifactNotFound();
    }
    const table = done.files.find((file) => file.kind === TABLE_KIND);
    return table ? { stepId: done.stepId, path: await this.localPath(table.storageName, null) } : null;
  }
}

/** An outage of the store is no refusal: the run is worth another try. */
function unavailable(error: unknown): unknown {
  return isDomainError(error) && !(error instanceof ArtifactStoreUnavailable)
    ? error
    : new FilesUnavailable(error);
}
