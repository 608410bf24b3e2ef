import type { Artifact, AuditEvent, Draft, Job, Run, SsClient } from '#client';
import type { Configuration } from '#configuration';
import type { Command } from 'commander';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demoClient } from '../demo-client.js';
import { Deployment } from '../deployment.js';
import { freePort } from '../free-port.js';
import { createKey, ensureTenant, Stack } from '../stack.js';
import { onStopSignal } from '../stop-signal.js';
import { table } from '../terminal.js';

const TENANT = 'demo';
const WAIT_MS = 90_000;
const QUESTION = 'Compare body mass between species of penguins and show it as a chart';
const DATASET = fileURLToPath(new URL('../../../../../examples/penguins.csv', import.meta.url));

const AUTHORS = {
  rules: 'the rules drafter',
  model: 'a language model',
  rule_fallback: 'the rules drafter, because the language model could not be used',
  client: 'the client',
} as const;

interface Story {
  job: Job;
  draft: Draft;
  runs: Run[];
  artifacts: Artifact[];
  audit: AuditEvent[];
  resultTable: string;
  chartPath: string | null;
}

/** `ssctl demo`: one real job from upload to result, then everything is stopped again. */
export function addDemoCommand(program: Command, configuration: Configuration<'ssctl'>): void {
  program
    .command('demo')
    .description('one real job from upload to result')
    .option('--json', 'the last line is one JSON object')
    .action(async ({ json = false }: { json?: boolean }) => {
      const begun = performance.now();
      const tell = (line = ''): void => {
        (json ? process.stderr : process.stdout).write(`${line}\n`);
      };
      const stopped = new Promise<never>((_, reject) => {
        const stop = (): void => {
          reject(new Error('stopped before the end'));
        };
        onStopSignal(stop, stop);
      });
      stopped.catch(() => undefined);
      let stack: Stack | undefined;
      let deployment: Deployment | undefined;
      try {
        deployment = await Deployment.open(configuration);
        tell(`database   ${configuration.databaseUrl === null ? 'embedded PostgreSQL' : 'DATABASE_URL'}`);
        const ports = {
          api: await freePort(configuration.host, configuration.apiPort),
          worker: await freePort(configuration.host, configuration.workerPort),
        };
        stack = await Promise.race([Stack.start(configuration, deployment, ports), stopped]);
        tell(`api        ${stack.api.url}`);
        tell(`worker     ${stack.worker.url}`);
        await ensureTenant(deployment, TENANT);
        const { key } = await createKey(deployment, TENANT, 'made by demo');
        const client = demoClient(stack.api.url, key);
        const story = await Promise.race([driveJob(client, configuration.dataDir, tell), stopped]);
        show(story, tell);
        if (story.job.status !== 'succeeded') process.exitCode = 1;
        if (json) writeSummary(story, (performance.now() - begun) / 1_000);
      } finally {
        await stack?.stop();
        await deployment?.close();
      }
    });
}

async function driveJob(client: SsClient, dataDir: string, tell: (line?: string) => void): Promise<Story> {
  tell(`\nquestion   ${QUESTION}`);
  const { job_id: jobId } = await client.createJob({ requirement: QUESTION, labels: { from: 'demo' } });
  tell(`job        ${jobId}`);
  const content = await readFile(DATASET);
  await client.upload(jobId, [{ role: 'primary_dataset', name: 'penguins.csv', content }]);
  tell('upload     examples/penguins.csv (Palmer penguins, 344 rows)');
  const draft = await client.draft(jobId, { limitMs: WAIT_MS });
  if (draft.status !== 'ready')
    throw new Error(`the draft is ${draft.status}: ${JSON.stringify(draft.error ?? null)}`);
  tell(`draft      ${String(draft.steps?.length ?? 0)} steps, by ${AUTHORS[draft.source ?? 'rules']}`);
  await client.confirm(jobId, {
    version: draft.version,
    notes: 'looks right',
    ...(draft.revision === undefined ? {} : { draftRevision: draft.revision }),
  });
  tell('confirm    the plan is frozen and queued');
  const job = await client.ended(jobId, { limitMs: WAIT_MS });
  tell(`run        ${job.status}`);

  const artifacts = await client.artifacts(jobId);
  const runs = await client.runs(jobId);
  const audit = await client.audit(jobId);
  const result = artifacts
    .filter((artifact) => artifact.kind === 'table.csv')
    .find((artifact) => !artifact.rel_path.includes('profile_'));
  const chart = artifacts.find((artifact) => artifact.kind === 'chart.svg');
  return {
    job,
    draft,
    runs,
    artifacts,
    audit,
    resultTable: result ? Buffer.from(await client.artifact(jobId, result.rel_path)).toString('utf8') : '',
    chartPath: chart ? await keepChart(client, jobId, chart, join(dataDir, 'demo', `${jobId}.svg`)) : null,
  };
}

async function keepChart(client: SsClient, jobId: string, chart: Artifact, file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await client.artifact(jobId, chart.rel_path));
  return file;
}

function show(story: Story, tell: (line?: string) => void): void {
  const { job, runs, artifacts, audit } = story;
  const begin = Date.parse(audit[0]?.occurred_at ?? '');
  tell('\nstates');
  for (const event of moves(audit)) {
    const seconds = (Date.parse(event.occurred_at) - begin) / 1_000;
    tell(`  +${seconds.toFixed(3)} s  ${event.to_status ?? ''}`);
  }
  tell('\nsteps');
  for (const step of runs.at(-1)?.steps ?? []) tell(`  ${step.step_id} (${step.type}): ${step.status}`);
  if (job.error) tell(`\nerror      ${job.error.code}: ${job.error.message}`);
  if (story.resultTable !== '') {
    const [headings = [], ...rows] = story.resultTable
      .trim()
      .split('\n')
      .map((line) => line.split(',').map(shorten));
    tell('\nresult');
    for (const line of table(headings, rows)) tell(`  ${line}`);
  }
  tell(`\nchart      ${story.chartPath ?? 'none'}`);
  tell('\naudit');
  const rows = audit.map((event) => [
    event.occurred_at.slice(11, 23),
    event.action,
    String(event.version ?? ''),
    `${event.actor_kind} ${event.actor_id.slice(0, 12)}…`,
  ]);
  for (const line of table(['AT', 'ACTION', 'VERSION', 'WHO'], rows)) tell(`  ${line}`);
  tell(`\nplan       ${job.plan_id ?? ''}`);
  tell(`trace      ${job.trace_id}`);
  tell(
    `artifacts  ${String(artifacts.length)}: ${artifacts.map((artifact) => artifact.rel_path).join(', ')}`,
  );
  tell(
    '\nnext: npm start, then open /docs there, or send a question and a dataset of your own (README, "One session").',
  );
}

function writeSummary(story: Story, seconds: number): void {
  const { job, runs, artifacts, audit } = story;
  const summary = {
    job_id: job.job_id,
    tenant_id: job.tenant_id,
    status: job.status,
    version: job.version,
    plan_id: job.plan_id,
    draft_source: story.draft.source ?? null,
    runs: runs.length,
    artifacts: artifacts.map(({ rel_path, kind, bytes, sha256 }) => ({ rel_path, kind, bytes, sha256 })),
    audit_events: audit.length,
    trace_id: job.trace_id,
    states: moves(audit).map((event) => event.to_status),
    seconds: Math.round(seconds * 1_000) / 1_000,
  };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

/** The audit rows that changed the state. */
function moves(audit: readonly AuditEvent[]): AuditEvent[] {
  return audit.filter((event) => event.from_status !== event.to_status);
}

/** A figure with more digits than anyone reads. */
function shorten(cell: string): string {
  return /^-?\d+\.\d{4,}$/.test(cell) ? Number(cell).toFixed(2) : cell;
}
