import { describe, expect, it } from '@jest/globals';
import { CommandProfilesInvalid, findRefusedArg, parseCommandProfiles } from './command-profiles.js';

describe('parseCommandProfiles', () => {
  it('gives back profiles that are right', () => {
    const profiles = {
      stata: { command: '/opt/stata/stata-mp', fixed_args: ['-b'], env: { A: 'b' }, pass_env: ['LICENCE'] },
      r: { command: 'Rscript', timeout_seconds: 60, max_output_bytes: 1000, args_pattern: '[a-z]+' },
    };
    expect(parseCommandProfiles(profiles)).toEqual(profiles);
  });

  it('names every fault at once', () => {
    const wrong = {
      'bad name': { command: 'x' },
      a: { fixed_args: 'x', timeout_seconds: 0, shell: true },
      b: { command: '', env: { '1': 'x' }, pass_env: ['A B'], args_pattern: '(', max_output_bytes: 1.5 },
      c: [],
      d: { command: 'x', args_pattern: 'a)|(b' },
    };
    let pointers: string[] = [];
    try {
      parseCommandProfiles(wrong);
    } catch (error) {
      if (!(error instanceof CommandProfilesInvalid)) throw error;
      pointers = error.errors.map(({ pointer }) => pointer);
    }
    expect(pointers.sort()).toEqual(
      [
        '/bad name',
        ...['/a/command', '/a/fixed_args', '/a/timeout_seconds', '/a/shell'],
        ...['/b/command', '/b/env', '/b/pass_env', '/b/args_pattern', '/b/max_output_bytes'],
        ...['/c', '/d/args_pattern'],
      ].sort(),
    );
  });

  it.each([null, [], 'x', 1])('refuses %j as a whole', (json) => {
    expect(() => parseCommandProfiles(json)).toThrow(CommandProfilesInvalid);
  });
});

describe('findRefusedArg', () => {
  it('holds each argument against the whole pattern', () => {
    const profile = { command: 'x', args_pattern: 'a|bc' };
    expect(findRefusedArg(profile, ['a', 'bc'])).toBeNull();
    expect(findRefusedArg(profile, ['a', 'abc'])).toBe(1);
  });

  it('never lets NUL pass', () => {
    expect(findRefusedArg({ command: 'x' }, ['a', 'b\0'])).toBe(1);
  });
});
