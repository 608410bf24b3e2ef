import { DomainError } from '#observability';

/** A setting that cannot be used and the rule that it breaks. Never its value: that may be a secret. */
export interface ConfigurationFault {
  name: string;
  rule: string;
}

/** Names every fault at once, so that an operator corrects a configuration in one go. */
export class ConfigurationInvalid extends DomainError {
  constructor(readonly faults: readonly ConfigurationFault[]) {
    const lines = faults.map(({ name, rule }) => `  ${name} ${rule}`);
    super('CONFIGURATION_INVALID', `The configuration cannot be used:\n${lines.join('\n')}`, {
      settings: faults.map(({ name }) => name),
    });
  }
}
