import {
  archiveLines,
  type ArchiveStanding,
  AuditArchives,
  auditMonth,
  compareWithSeals,
  isManifestLine,
  type ProvenArchive,
  verifyArchive,
} from '#audit';
import type { Configuration } from '#configuration';
import type { Command } from 'commander';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { auditFiles, publicKeyOf, signerOf } from '../audit-files.js';
import { operatorScope } from '../deployment.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface VerifyOptions {
  publicKey?: string;
  offline?: boolean;
  json?: boolean;
}

/** What rows of an archive can be asked for: an option each, named like its field in the line. */
const FILTERS = {
  tenant: 'tenant_id',
  actor: 'actor_id',
  action: 'action',
  resource: 'resource_id',
} as const;

type Filters = Readonly<Partial<Record<keyof typeof FILTERS, string>>>;

/** `ssctl archive audit | verify | read` */
export function addArchiveCommands(
  program: Command,
  withDeployment: WithDeployment,
  configuration: Configuration<'ssctl'>,
): void {
  const archive = program.command('archive').description('months of the audit as files');
  const files = auditFiles(configuration);

  archive
    .command('audit')
    .description('write a sealed month to a compressed file; nothing is dropped')
    .requiredOption('--month <month>', 'which one, as 2026-05')
    .option('--out <folder>', 'where to', configuration.auditArchiveDir ?? undefined)
    .option('--json', 'one JSON document')
    .action(async ({ month, out, json = false }: { month: string; out?: string; json?: boolean }) => {
      if (out === undefined) throw new Error('name a folder: --out, or SS_AUDIT_ARCHIVE_DIR');
      const which = auditMonth(month);
      const signer = await signerOf(files);
      const { path, rows, sha256 } = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          new AuditArchives(database, operatorScope(), signer, out).write(which),
        ),
      );
      answer(json, { month, file: path, rows, sha256 }, () => [
        `${path}: ${String(rows)} rows`,
        `sha256 ${sha256}`,
      ]);
    });

  archive
    .command('verify')
    .description('prove an archive from its lines, and compare it with the seals in the database')
    .argument('<file>')
    .option(
      '--public-key <file>',
      'whose signature counts (PEM); else that of the signing key, if it is here',
    )
    .option('--offline', 'from its lines alone, with no database')
    .option('--json', 'one JSON document')
    .action(async (file: string, { publicKey, offline = false, json = false }: VerifyOptions) => {
      const key = await publicKeyOf(files, publicKey);
      const proven = await verifyArchive(file, key);
      const standing = offline
        ? null
        : await withDeployment((deployment) =>
            deployment.asOperator((database) => compareWithSeals(database, operatorScope(), proven)),
          );
      const { month, rows, segments } = proven.manifest;
      const result = {
        ...{ ok: true, month, rows, segments: segments.length, sha256: proven.sha256 },
        ...{ is_signature_checked: key !== null, is_retired: standing?.isRetired ?? null },
      };
      answer(json, result, () => inWords(proven, key !== null, standing));
    });

  const read = archive
    .command('read')
    .description('print the rows of an archive that can be proven, as NDJSON')
    .argument('<file>')
    .option(
      '--public-key <file>',
      'whose signature counts (PEM); else that of the signing key, if it is here',
    );
  for (const [name, field] of Object.entries(FILTERS))
    read.option(`--${name} <value>`, `only rows with this ${field}`);
  read.action(async (file: string, { publicKey, ...filters }: Filters & { publicKey?: string }) => {
    // First all of it: a row of a file that cannot be believed is not worth printing.
    await verifyArchive(file, await publicKeyOf(files, publicKey));
    await pipeline(Readable.from(rowsOf(file, filters)), process.stdout, { end: false }).catch(
      (error: unknown) => {
        // Who reads has seen enough.
        if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
      },
    );
  });
}

async function* rowsOf(file: string, filters: Filters): AsyncGenerator<string> {
  for await (const line of archiveLines(file)) {
    if (!isManifestLine(line) && matches(line, filters)) yield `${line}\n`;
  }
}

function matches(line: string, filters: Filters): boolean {
  const wanted = Object.entries(filters);
  if (wanted.length === 0) return true;
  // The file was proven: each line is an object with these fields.
  const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return wanted.every(([name, value]) => row[FILTERS[name as keyof Filters]] === value);
}

function inWords(
  { manifest, sha256 }: ProvenArchive,
  isSigned: boolean,
  standing: ArchiveStanding | null,
): string[] {
  const { month, rows, segments } = manifest;
  return [
    `${month}: ${String(rows)} rows in ${String(segments.length)} segments are as they were sealed`,
    isSigned ? 'signed by the key' : 'no key at hand to check its signature',
    standing === null ? 'not compared with a database' : 'its seals are those of the database',
    ...(standing?.isRetired === true ? ['the month was dropped: this is where its rows are'] : []),
    `sha256 ${sha256}`,
  ];
}
