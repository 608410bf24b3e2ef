import { programs, settings } from '#configuration';
import { describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, textOf } from './checkout-files.js';

const TEXT = textOf('Dockerfile');
/** Each instruction in one line, without comments. */
const INSTRUCTIONS = TEXT.replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');
const of = (keyword: string): string[] =>
  INSTRUCTIONS.filter((line) => line.startsWith(`${keyword} `)).map((line) => line.slice(keyword.length + 1));
/** From the last FROM on: what is in the image. */
const LAST_STAGE = INSTRUCTIONS.slice(INSTRUCTIONS.findLastIndex((line) => line.startsWith('FROM ')));
const ENVIRONMENT = Object.fromEntries(
  of('ENV').flatMap((line) => line.split(/\s+/).map((pair) => pair.split('=') as [string, string])),
);

describe('the Dockerfile', () => {
  it('has nothing that a linter objects to', () => {
    expect(validate(TEXT)).toEqual([]);
  });

  it('would not pass that with a mistake in it', () => {
    expect(validate(`${TEXT}\nEXPOSE port`)).not.toEqual([]);
  });

  it('copies what is there, and what .dockerignore lets through', () => {
    const sources = of('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(8);
    const allowed = textOf('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const source of sources) {
      expect([source, existsSync(join(CHECKOUT, source))]).toEqual([source, true]);
      expect([source, allowed.some((path) => source === path || source.startsWith(`${path}/`))]).toEqual([
        source,
        true,
      ]);
    }
  });

  it('ends as a user who is not root, by number, and is probed', () => {
    expect(LAST_STAGE.filter((line) => line.startsWith('USER '))).toEqual(['USER 10001:10001']);
    expect(of('HEALTHCHECK')).toEqual([
      expect.stringMatching(/CMD \["node", "\/app\/deploy\/docker\/healthcheck[.]mjs"\]$/),
    ]);
  });

  it('puts signals through: programs are started without a shell in between', () => {
    expect(of('ENTRYPOINT')).toEqual(['["tini", "--", "/app/deploy/docker/ss"]']);
    expect(textOf('deploy/docker/ss')).toMatch(/\nexec node /);
    expect(statSync(join(CHECKOUT, 'deploy/docker/ss')).mode & 0o111).toBe(0o111);
    for (const program of programs) expect(textOf('deploy/docker/ss')).toContain(program);
  });

  it('takes no secret, sets what is a setting, and listens where the programs do', () => {
    expect(INSTRUCTIONS.filter((line) => /^(ARG|ENV)\b.*(PASSWORD|SECRET|TOKEN|_KEY)/i.test(line))).toEqual(
      [],
    );
    const ours = Object.keys(ENVIRONMENT).filter((name) => name.startsWith('SS_'));
    expect(ours.sort()).toEqual(['SS_DATA_DIR', 'SS_HOST']);
    for (const name of ours) expect(Object.keys(settings)).toContain(name);
    expect(ENVIRONMENT).toMatchObject({ SS_HOST: '0.0.0.0', SS_DATA_DIR: '/data', HOME: '/tmp' });
    const ports = [settings.SS_API_PORT.default, settings.SS_WORKER_PORT.default].join(' ');
    expect(of('EXPOSE')).toEqual([ports]);
  });

  it('installs by the lock file, what production needs, on the Node that is tested', () => {
    const installs = of('RUN').filter((line) => line.includes('npm '));
    expect(installs).toEqual([
      expect.stringMatching(/^npm ci --ignore-scripts/),
      expect.stringMatching(/^npm ci --omit=dev --ignore-scripts/),
    ]);
    const { devDependencies } = JSON.parse(textOf('package.json')) as { devDependencies: { node: string } };
    expect(of('ARG')).toEqual([`NODE_IMAGE=node:${devDependencies.node.split('.')[0]!}-bookworm-slim`]);
    expect(new Set(of('FROM').map((line) => line.split(' ')[0]))).toEqual(new Set(['${NODE_IMAGE}']));
  });
});
