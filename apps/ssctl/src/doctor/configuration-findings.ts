import { type Environment, programs, readConfiguration } from '#configuration';
import { isDomainError } from '#observability';
import type { Finding } from './finding.js';

/** Every fault in the settings of every program, as they would be read on this machine. No value is shown. */
export function configurationFindings(environment: Environment): Finding[] {
  const faults = new Map<string, Finding>();
  const warnings = new Set<string>();
  for (const program of programs) {
    try {
      for (const warning of readConfiguration(program, environment).warnings) warnings.add(warning);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const id = `configuration.${program}`;
      faults.set(id, {
        id,
        level: 'error',
        cause: error.message,
        remedy: 'Correct these variables, or leave them out; docs/configuration.md has all of them.',
      });
    }
  }
  return [
    ...faults.values(),
    ...[...warnings].map((cause): Finding => ({
      id: 'configuration.unknown',
      level: 'warning',
      cause,
      remedy: 'Correct its spelling after docs/configuration.md, or remove it.',
    })),
  ];
}
