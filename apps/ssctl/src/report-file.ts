import { type MigrationItem, reportLine } from '#migration';
import { type FileHandle, open } from 'node:fs/promises';

/** The report of a migration: a line of JSON for each file. Without a path nothing is written. */
export class ReportFile {
  private constructor(private readonly file: FileHandle | null) {}

  static async open(path: string | null): Promise<ReportFile> {
    return new ReportFile(path === null ? null : await open(path, 'w', 0o640));
  }

  async write(items: readonly MigrationItem[]): Promise<void> {
    if (!this.file || items.length === 0) return;
    await this.file.appendFile(items.map((item) => `${reportLine(item)}\n`).join(''));
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}
