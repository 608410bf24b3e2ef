import { AuditSeal, AuditVerifier, CheckpointFolder, type Checkpoint, type Verification } from '#audit';
import type { Command } from 'commander';
import type { Configuration } from '#configuration';
import { auditFiles, publicKeyOf, signerOf } from '../audit-files.js';
import { operatorScope } from '../deployment.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface VerifyOptions {
  from?: number;
  to?: number;
  checkpoints?: string;
  publicKey?: string;
  json?: boolean;
}

/** `ssctl audit verify | seal | public-key` */
export function addAuditCommands(
  program: Command,
  withDeployment: WithDeployment,
  configuration: Configuration<'ssctl'>,
): Command {
  const audit = program.command('audit').description('the audit: seals and their proof');
  const files = auditFiles(configuration);
  const { checkpoints } = files;

  audit
    .command('verify')
    .description('recompute every seal, and name the first place that differs')
    .option('--from <segment>', 'the first segment to look at', toNumber)
    .option('--to <segment>', 'the last segment to look at', toNumber)
    .option('--checkpoints <folder>', 'signed checkpoints that were kept outside', checkpoints)
    .option(
      '--public-key <file>',
      'whose signature counts (PEM); else that of the signing key, if it is here',
    )
    .option('--json', 'one JSON document')
    .action(async ({ json = false, ...options }: VerifyOptions) => {
      const kept = await readCheckpoints(options.checkpoints ?? checkpoints);
      const publicKey = await publicKeyOf(files, options.publicKey);
      const result = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          new AuditVerifier(database, operatorScope()).verify({
            ...(options.from === undefined ? {} : { fromSegment: options.from }),
            ...(options.to === undefined ? {} : { toSegment: options.to }),
            checkpoints: kept,
            publicKey,
          }),
        ),
      );
      answer(json, result, () => inWords(result, kept.length, publicKey !== null));
      if (!result.ok) process.exitCode = 1;
    });

  audit
    .command('seal')
    .description('seal what is settled now; workers do it all the time')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const signer = await signerOf(files);
      const { segments, rows } = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          new AuditSeal(database, operatorScope(), signer, new CheckpointFolder(checkpoints)).seal(),
        ),
      );
      answer(json, { segments, rows }, () => [`sealed ${String(rows)} rows in ${String(segments)} segments`]);
    });

  audit
    .command('public-key')
    .description('the public half of the key that signs checkpoints, to be kept where the checkpoints are')
    .action(async () => {
      const signer = await signerOf(files);
      process.stdout.write(signer.publicKey.export({ type: 'spki', format: 'pem' }));
    });
  return audit;
}

function toNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RangeError('must be the number of a segment, from 1');
  return value;
}

/** A folder that is not there holds no checkpoints; anything else that is wrong with it ends the command. */
async function readCheckpoints(folder: string): Promise<Checkpoint[]> {
  try {
    return await new CheckpointFolder(folder).read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function inWords(result: Verification, checkpoints: number, signed: boolean): string[] {
  const { segments, rows, retired_rows: retired, first_bad: bad } = result;
  const looked = `${String(rows)} rows in ${String(segments)} segments are as they were sealed`;
  const by = signed ? 'their signatures checked' : 'no key at hand to check their signatures';
  const compared = `${String(checkpoints)} checkpoints compared, ${by}`;
  const went =
    retired > 0 ? [`${String(retired)} rows went with their months, by records that were proven`] : [];
  if (!bad) return [looked, ...went, compared];
  const place = bad.event_id === null ? '' : `, event ${String(bad.event_id)}`;
  return [`segment ${String(bad.segment_no)}${place}: ${bad.problem}`, bad.detail, `before it ${looked}`];
}
