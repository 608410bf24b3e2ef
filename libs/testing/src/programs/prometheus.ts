import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { eventually } from '../eventually.js';

const START_MS = 30_000;
const END_MS = 10_000;

/** Where a program of Prometheus is; null where it is not installed (Debian: `apt-get install prometheus`). */
export function prometheusProgram(name: 'prometheus' | 'promtool'): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']) {
    const program = join(folder, name);
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Runs promtool to its end; it must be there. */
export function promtool(args: readonly string[], input = ''): { code: number | null; output: string } {
  const program = prometheusProgram('promtool');
  if (program === null) throw new Error('promtool is not installed');
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

/** One series of an answer, with its last value. */
export interface PrometheusSample {
  metric: Readonly<Record<string, string>>;
  value: [number, string];
}

export interface PrometheusAlert {
  state: string;
  labels: Readonly<Record<string, string>>;
}

/** A Prometheus server on loopback, with a folder of its own, that scrapes every second. */
export class Prometheus {
  private constructor(
    private readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(
    folder: string,
    { targets, rules }: { targets: readonly string[]; rules: Readonly<Record<string, string>> },
  ): Promise<Prometheus> {
    const program = prometheusProgram('prometheus');
    if (program === null) throw new Error('prometheus is not installed');
    const place = join(folder, 'prometheus');
    await mkdir(place, { recursive: true });
    for (const [name, text] of Object.entries(rules)) await writeFile(join(place, name), text);
    await writeFile(
      join(place, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: Object.keys(rules),
        scrape_configs: [{ job_name: 'ss', static_configs: [{ targets }] }],
      }),
    );
    const port = await freePort();
    const child = spawn(
      program,
      [
        `--config.file=${join(place, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(place, 'data')}`,
        `--web.listen-address=127.0.0.1:${String(port)}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
    const ended = new Promise((resolve) => child.once('close', resolve));
    const kill = (): void => void child.kill('SIGKILL');
    process.on('exit', kill);
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      const hard = setTimeout(kill, END_MS);
      await ended;
      clearTimeout(hard);
      process.off('exit', kill);
    };
    const url = `http://127.0.0.1:${String(port)}`;
    const isReady = async (): Promise<boolean> => (await fetch(`${url}/-/ready`)).ok;
    await Promise.race([eventually(isReady, START_MS), ended]).catch(() => undefined);
    if (child.exitCode !== null || !(await isReady().catch(() => false))) {
      await stop();
      throw new Error(`Prometheus does not start:\n${said}`);
    }
    return new Prometheus(url, stop);
  }

  /** What the expression is worth now. */
  async query(expression: string): Promise<PrometheusSample[]> {
    const answer = await this.ask<{ result: PrometheusSample[] }>(
      `/api/v1/query?query=${encodeURIComponent(expression)}`,
    );
    return answer.result;
  }

  async alerts(): Promise<PrometheusAlert[]> {
    return (await this.ask<{ alerts: PrometheusAlert[] }>('/api/v1/alerts')).alerts;
  }

  private async ask<Data>(path: string): Promise<Data> {
    const response = await fetch(`${this.url}${path}`);
    // The HTTP API of Prometheus answers in this form.
    const body = (await response.json()) as { status: string; data: Data; error?: string };
    if (body.status !== 'success') throw new Error(`Prometheus refused ${path}: ${String(body.error)}`);
    return body.data;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server that listens has an address of this form.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
