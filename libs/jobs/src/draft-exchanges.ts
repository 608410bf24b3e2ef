import type { ArtifactStore } from '#artifacts';
import type { Tx } from '#database';
import type { CallLedger, ToldExchange } from '#llm';
import { redact, redactJson } from '#observability';
import type { JobRef } from '#queue';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { JobArtifacts, type NewArtifact } from './job-artifacts.js';

const MAX_BYTES = 8 * 1024 * 1024;

/** What was asked of a language model and what it said, as artifacts of the job: without what looks like a secret. */
export class DraftExchanges {
  private readonly artifacts = new JobArtifacts();

  constructor(
    private readonly store: ArtifactStore,
    private readonly ledger: CallLedger,
  ) {}

  /** Writes the files, under names that hold a hash of what is in them; the rows are the caller's to keep. */
  async write(ref: JobRef, taskId: string, told: readonly ToldExchange[]): Promise<NewArtifact[]> {
    const rows: NewArtifact[] = [];
    for (const exchange of told) {
      for (const file of filesOf(exchange)) {
        const content = Buffer.from(file.text);
        const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
        const relPath = `llm/${taskId}/${exchange.operation}.${file.ending}`;
        const storageName = `llm/${taskId}/${hash}-${exchange.operation}.${file.ending}`;
        const written = await this.store.write({ ...ref, storageName }, Readable.from([content]), {
          maxBytes: MAX_BYTES,
        });
        rows.push({
          ...{
            rel_path: relPath,
            kind: file.kind,
            content_type: file.contentType,
            storage_name: storageName,
          },
          ...{ run_id: null, step_id: null, ...written },
        });
      }
    }
    return rows;
  }

  /** Keeps the rows; the ledger needs its copies of the answers no longer. */
  async keep(tx: Tx, ref: JobRef, taskId: string, rows: readonly NewArtifact[]): Promise<void> {
    await this.artifacts.keep(tx, ref, rows);
    await this.forget(tx, ref, taskId);
  }

  /** Forgets files whose rows did not come. */
  async discard(ref: JobRef, rows: readonly NewArtifact[]): Promise<void> {
    for (const { storage_name: storageName } of rows) await this.store.remove({ ...ref, storageName });
  }

  /** Nobody will ask for the answers again. */
  async forget(tx: Tx, ref: JobRef, taskId: string): Promise<void> {
    await this.ledger.forgetAnswers(tx, ref.tenantId, ref.jobId, taskId);
  }
}

interface ExchangeFile {
  kind: 'llm.prompt' | 'llm.response' | 'llm.meta';
  ending: string;
  contentType: string;
  text: string;
}

function filesOf({ operation, messages, answer, isValid }: ToldExchange): ExchangeFile[] {
  const prompt: ExchangeFile = {
    kind: 'llm.prompt',
    ending: 'prompt.json',
    contentType: 'application/json',
    text: JSON.stringify({ messages: redactJson(messages) }, null, 2),
  };
  const meta: ExchangeFile = {
    kind: 'llm.meta',
    ending: 'meta.json',
    contentType: 'application/json',
    text: JSON.stringify(
      {
        operation,
        call_id: answer?.callId ?? null,
        attempt: answer?.attempt ?? null,
        provider: answer?.provider ?? null,
        model: answer?.model ?? null,
        tokens_in: answer?.usage?.tokensIn ?? null,
        tokens_out: answer?.usage?.tokensOut ?? null,
        answered: answer !== null,
        valid: isValid,
      },
      null,
      2,
    ),
  };
  if (!answer) return [prompt, meta];
  const response: ExchangeFile = {
    kind: 'llm.response',
    ending: 'response.txt',
    contentType: 'text/plain; charset=utf-8',
    text: redact(answer.text),
  };
  return [prompt, response, meta];
}
