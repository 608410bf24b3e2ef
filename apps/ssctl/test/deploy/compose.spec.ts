import { readConfiguration, settings } from '#configuration';
import { prometheusProgram, promtool } from '#testing';
import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CLOSING_MS as API_CLOSING_MS } from '../../../api/src/api-shutdown.js';
import { CLOSING_MS as WORKER_CLOSING_MS } from '../../../worker/src/worker.js';
import { CHECKOUT, documentOf, textOf } from './checkout-files.js';

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  read_only?: boolean;
  stop_grace_period?: string;
  depends_on?: string[] | Record<string, { condition: string }>;
}

const TEXT = textOf('docker-compose.yml');
const { services, volumes } = documentOf('docker-compose.yml') as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const all = Object.entries(services);
const IMAGE_ENV = { SS_HOST: '0.0.0.0', SS_DATA_DIR: '/data' };

/** As compose does it, with one word for every secret. */
const environmentOf = (name: string): Record<string, string> => ({
  ...IMAGE_ENV,
  ...Object.fromEntries(
    Object.entries(services[name]!.environment ?? {}).map(([key, value]) => [
      key,
      value.replaceAll(/\$\{[A-Z_]+:\?[^}]*\}/g, 'word'),
    ]),
  ),
});
const seconds = (text = ''): number => Number(/^(\d+)s$/.exec(text)?.[1]);

describe('docker-compose.yml', () => {
  it('has the programs, a database, and what shows them', () => {
    expect(Object.keys(services).sort()).toEqual(
      ['api', 'grafana', 'logins', 'postgres', 'prometheus', 'schema', 'worker'].sort(),
    );
  });

  it('holds no password: each has to be given, or nothing starts', () => {
    for (const [name, { environment = {} }] of all) {
      for (const [key, value] of Object.entries(environment)) {
        const isSecret = key.includes('PASSWORD') || /:\/\/[^/]*:[^/]*@/.test(value);
        if (isSecret)
          expect([name, key, value]).toEqual([name, key, expect.stringMatching(/\$\{[A-Z_]+:\?/)]);
      }
    }
    expect(TEXT.match(/\$\{[A-Z_]*PASSWORD[^}]*\}/g)!.every((text) => text.includes(':?'))).toBe(true);
  });

  it('gives programs settings that they read, without a fault or a warning', () => {
    const api = readConfiguration('api', environmentOf('api'));
    const worker = readConfiguration('worker', environmentOf('worker'));
    const ssctl = readConfiguration('ssctl', environmentOf('schema'));
    expect([api.warnings, worker.warnings, ssctl.warnings]).toEqual([[], [], []]);
    for (const [name, program] of [
      ['api', 'api'],
      ['worker', 'worker'],
      ['schema', 'ssctl'],
    ] as const) {
      for (const setting of Object.keys(services[name]!.environment ?? {})) {
        const known = Object.entries(settings).find(([key]) => key === setting)?.[1];
        expect([setting, known?.readBy]).toEqual([setting, expect.arrayContaining([program])]);
      }
    }
    const apiMs =
      (api.configuration.apiShutdownDelaySeconds + api.configuration.apiShutdownGraceSeconds) * 1_000;
    expect(seconds(services['api']!.stop_grace_period) * 1_000).toBeGreaterThan(apiMs + API_CLOSING_MS);
    const workerMs = worker.configuration.workerShutdownGraceSeconds * 1_000;
    expect(seconds(services['worker']!.stop_grace_period) * 1_000).toBeGreaterThan(
      workerMs + WORKER_CLOSING_MS,
    );
  });

  it('mounts what is there, and volumes that it declares', () => {
    for (const [name, service] of all) {
      for (const mount of service.volumes ?? []) {
        const [source = ''] = mount.split(':');
        const isThere = source.startsWith('./')
          ? existsSync(join(CHECKOUT, source))
          : Object.hasOwn(volumes, source);
        expect([name, mount, isThere]).toEqual([name, mount, true]);
      }
    }
  });

  it('lets nothing but this machine in, and programs write to their folders alone', () => {
    for (const [name, { ports = [] }] of all) {
      for (const port of ports) expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)]);
    }
    for (const name of ['schema', 'api', 'worker']) expect(services[name]!.read_only).toBe(true);
  });

  it('has each wait for what it needs', () => {
    expect(services['schema']!.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(services['logins']!.depends_on).toEqual({
      schema: { condition: 'service_completed_successfully' },
    });
    for (const name of ['api', 'worker']) {
      expect(services[name]!.depends_on).toEqual({ logins: { condition: 'service_completed_successfully' } });
    }
  });
});

describe('the files beside it', () => {
  it('ask each program for its metrics where it listens', () => {
    const { scrape_configs: jobs } = documentOf('deploy/prometheus/prometheus.yml') as {
      scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[];
    };
    expect(jobs.map(({ dns_sd_configs: [found] }) => [found!.names, found!.port])).toEqual([
      [['api'], settings.SS_API_PORT.default],
      [['worker'], settings.SS_WORKER_PORT.default],
    ]);
  });

  it('lead Prometheus to the rules, in the folder that it is given', () => {
    const { rule_files: rules } = documentOf('deploy/prometheus/prometheus.yml') as { rule_files: string[] };
    expect(rules).toEqual(['rules.yml']);
    const { command, volumes: mounts } = services['prometheus']!;
    expect(mounts).toContain('./deploy/prometheus:/etc/prometheus:ro');
    expect(command).toContain('--config.file=/etc/prometheus/prometheus.yml');
  });

  const withPromtool = prometheusProgram('promtool') === null ? it.skip : it;
  withPromtool('are taken by Prometheus, rules and all (skipped where promtool is not installed)', () => {
    const file = join(CHECKOUT, 'deploy/prometheus/prometheus.yml');
    const { code, output } = promtool(['check', 'config', file]);
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/1 rule files found[^]*SUCCESS: \d+ rules found/),
    ]);
  });

  it('lead Grafana to Prometheus, and to the dashboards', () => {
    const { datasources } = documentOf('deploy/grafana/provisioning/datasources/prometheus.yml') as {
      datasources: object[];
    };
    expect(datasources).toMatchObject([{ type: 'prometheus', url: 'http://prometheus:9090' }]);
    const { providers } = documentOf('deploy/grafana/provisioning/dashboards/ss.yml') as {
      providers: { options: { path: string } }[];
    };
    const mounts = services['grafana']!.volumes!;
    expect(mounts).toContain(`./deploy/grafana:${providers[0]!.options.path}:ro`);
    const { uid, panels } = documentOf('deploy/grafana/ss.json') as { uid: string; panels: object[] };
    expect([uid, panels.length > 0]).toEqual(['ss', true]);
  });
});
