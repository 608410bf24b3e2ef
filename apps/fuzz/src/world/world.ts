import { tokensIn } from './token.js';

/** Ids that belong together: those of one job, say. */
export type Ids = Readonly<Record<string, string>>;

/** Newer ones push older ones out; what was planted stays. */
const MOST_KEPT = 200;

const FIELDS: Readonly<Record<string, string>> = {
  job_id: 'job_id',
  run_id: 'run_id',
  key_id: 'key_id',
  task_id: 'task_id',
  upload_id: 'upload_id',
  webhook_id: 'webhook_id',
  delivery_id: 'delivery_id',
  dataset_key: 'dataset_key',
  rel_path: 'path',
  next_cursor: 'cursor',
};

/** What the fuzzer knows of the deployment: whose ids it may ask for, and what it must never be told. */
export class World {
  private readonly planted: Ids[] = [];
  private readonly found = new Map<string, string[]>();
  private readonly theirs: Ids[] = [];

  constructor(
    /** Ids that are never asked for, such as that of the fuzzer's own key. */
    private readonly spared: ReadonlySet<string>,
    /** Words that only another tenant has. */
    readonly canaries: readonly string[],
  ) {}

  /** An upload stands in the address that it is begun at, with its job. */
  learnAddress(location: string): void {
    const [, job, upload] = /^\/v1\/jobs\/([^/]+)\/inputs\/uploads\/([^/]+)$/.exec(location) ?? [];
    if (job !== undefined && upload !== undefined)
      this.planted.push({ job_id: decodeURIComponent(job), upload_id: upload });
  }

  plant(ids: Ids): void {
    this.planted.push(ids);
  }

  plantTheirs(ids: Ids): void {
    this.theirs.push(ids);
  }

  /** The ids that the tokens of a text stand for; which of many, `pick` says. Those of one job go together. */
  idsFor(text: string, pick: number): (name: string) => string {
    const names = tokensIn(text);
    const together = this.planted.filter((ids) => names.every((name) => name in ids || name.includes(':')));
    const chosen = together[pick % Math.max(1, together.length)];
    return (name) => this.idOf(name, pick, chosen);
  }

  private idOf(name: string, pick: number, chosen: Ids | undefined): string {
    if (name.startsWith('their:')) return anyOf(this.theirs, name.slice('their:'.length), pick) ?? 'theirs';
    const found = this.found.get(name) ?? [];
    const newest = pick % 3 === 0 ? found[pick % Math.max(1, found.length)] : undefined;
    return newest ?? chosen?.[name] ?? anyOf(this.planted, name, pick) ?? found[0] ?? 'none';
  }

  /** Remembers the ids in an answer to one of ours. */
  learn(answer: unknown): void {
    if (answer === null || typeof answer !== 'object') return;
    for (const [field, value] of Object.entries(answer)) {
      const name = FIELDS[field];
      if (name !== undefined && typeof value === 'string' && value !== '' && !this.spared.has(value)) {
        const known = this.found.get(name) ?? [];
        if (!known.includes(value)) known.push(value);
        if (known.length > MOST_KEPT) known.shift();
        this.found.set(name, known);
      } else this.learn(value);
    }
  }
}

function anyOf(all: readonly Ids[], name: string, pick: number): string | undefined {
  const having = all.filter((ids) => name in ids);
  return having[pick % Math.max(1, having.length)]?.[name];
}
