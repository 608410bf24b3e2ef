import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readConfiguration } from './read-configuration.js';
import { renderEnvExample, renderMarkdownTable } from './render.js';
import { programs, settings } from './settings.js';

const root = join(import.meta.dirname, '../../..');

describe('the generated documents', () => {
  it.each([
    ['.env.example', renderEnvExample],
    ['docs/configuration.md', renderMarkdownTable],
  ])('%s is what the table of settings says (otherwise: npm run docs)', (file, render) => {
    expect(readFileSync(join(root, file), 'utf8')).toBe(render());
  });

  it('.env.example, uncommented, is a valid configuration that equals the defaults', () => {
    const uncommented = renderEnvExample().replaceAll(/^# (?=[A-Z0-9_]+=)/gm, '');
    const environment = parseEnv(uncommented);
    expect(Object.keys(environment).sort()).toEqual(Object.keys(settings).sort());
    for (const program of programs) {
      expect(readConfiguration(program, environment)).toEqual(readConfiguration(program, {}));
    }
  });
});
