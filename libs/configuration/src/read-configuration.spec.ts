import { describe, expect, it } from '@jest/globals';
import { ConfigurationInvalid } from './configuration-invalid.js';
import { readConfiguration, type Environment } from './read-configuration.js';

describe('readConfiguration', () => {
  it('answers with the defaults when nothing is set', () => {
    const { configuration, warnings } = readConfiguration('worker', {});
    expect(configuration).toMatchObject({
      databaseUrl: null,
      dataDir: '.ss',
      artifactsDir: '.ss/artifacts',
      workerConcurrency: 2,
      queueLeaseTtlSeconds: 30,
      commandProfiles: null,
    });
    expect(warnings).toEqual([]);
  });

  it('gives a program the settings that it reads and no others', () => {
    expect(readConfiguration('worker', {}).configuration).not.toHaveProperty('apiPort');
    expect(readConfiguration('api', {}).configuration).not.toHaveProperty('workerConcurrency');
  });

  it('takes numbers, sizes with a unit, and text with blanks around it', () => {
    const { configuration } = readConfiguration('api', {
      SS_API_PORT: ' 8080 ',
      SS_UPLOAD_MAX_BYTES: '2 GiB',
      SS_BODY_MAX_BYTES: '4096',
      SS_DATA_DIR: '/srv/ss',
      DATABASE_URL: 'postgres://ss:secret@db/ss',
    });
    expect(configuration).toMatchObject({
      apiPort: 8080,
      uploadMaxBytes: 2 * 1024 ** 3,
      bodyMaxBytes: 4096,
      artifactsDir: '/srv/ss/artifacts',
      databaseUrl: 'postgres://ss:secret@db/ss',
    });
  });

  it('counts an empty value as absent', () => {
    expect(readConfiguration('api', { SS_API_PORT: '', DATABASE_URL: ' ' }).configuration).toMatchObject({
      apiPort: 3000,
      databaseUrl: null,
    });
  });

  it('names every fault at once, by setting and rule, and never a value', () => {
    const refusal = refusalOf({
      DATABASE_URL: 'mysql://root:hunter2@db/ss',
      SS_WORKER_CONCURRENCY: '257',
      SS_LOG_LEVEL: 'loud',
      SS_STEP_TIMEOUT_SECONDS: '1e3',
      SS_WORKER_PORT: '65536',
    });
    expect(refusal.code).toBe('CONFIGURATION_INVALID');
    expect(refusal.faults).toEqual([
      { name: 'DATABASE_URL', rule: 'must be a URL that starts with postgres:// or postgresql://' },
      { name: 'SS_WORKER_PORT', rule: 'must be a port, 0 to 65535' },
      { name: 'SS_LOG_LEVEL', rule: expect.stringMatching(/^must be one of fatal, error/) as unknown },
      { name: 'SS_WORKER_CONCURRENCY', rule: 'must be a whole number, 1 to 256' },
      { name: 'SS_STEP_TIMEOUT_SECONDS', rule: 'must be seconds, a whole number, 1 to 86400' },
    ]);
    expect(JSON.stringify([refusal.message, refusal.facts, refusal.faults])).not.toMatch(
      /hunter2|loud|257|1e3/,
    );
  });

  it.each(['-1', '0x10', '1.5', '1e2', 'NaN', 'Infinity', '99999999999999999999', '１２'])(
    'does not take %s for a whole number',
    (text) => {
      expect(refusalOf({ SS_WORKER_CONCURRENCY: text }).faults).toHaveLength(1);
    },
  );

  it('refuses a heartbeat that leaves no room for one to go missing', () => {
    const { faults } = refusalOf({ SS_QUEUE_LEASE_TTL_SECONDS: '20', SS_QUEUE_HEARTBEAT_SECONDS: '10' });
    expect(faults).toEqual([
      { name: 'SS_QUEUE_HEARTBEAT_SECONDS', rule: 'must be less than half of SS_QUEUE_LEASE_TTL_SECONDS' },
    ]);
  });

  it('refuses one port for both programs where a program starts both', () => {
    const act = (): unknown => readConfiguration('ssctl', { SS_API_PORT: '4000', SS_WORKER_PORT: '4000' });
    expect(act).toThrow('SS_WORKER_PORT must differ from SS_API_PORT');
  });

  it('refuses a language model without address or name, and an attempt that is longer than the whole', () => {
    const { faults } = refusalOf({
      SS_LLM_PROVIDER: 'openai_compatible',
      SS_LLM_FALLBACK_MODEL: 'm',
      SS_LLM_TIMEOUT_SECONDS: '60',
      SS_LLM_TOTAL_SECONDS: '59',
    });
    expect(faults.map(({ name }) => name)).toEqual([
      'SS_LLM_BASE_URL',
      'SS_LLM_MODEL',
      'SS_LLM_FALLBACK_BASE_URL',
      'SS_LLM_TIMEOUT_SECONDS',
    ]);
  });

  it('takes a language model, and refuses what is none, without telling the key', () => {
    const { configuration } = readConfiguration('worker', {
      SS_LLM_PROVIDER: 'openai_compatible',
      SS_LLM_BASE_URL: 'http://127.0.0.1:8000/v1',
      SS_LLM_MODEL: 'm',
      SS_LLM_TEMPERATURE: '0.25',
    });
    expect(configuration).toMatchObject({
      llmProvider: 'openai_compatible',
      llmTemperature: 0.25,
      llmApiKey: null,
    });
    const refusal = refusalOf({
      SS_LLM_PROVIDER: 'chatgpt',
      SS_LLM_BASE_URL: 'ftp://x',
      SS_LLM_API_KEY: 'sk-planted\n',
      SS_LLM_TEMPERATURE: '3',
    });
    expect(refusal.faults.map(({ name }) => name)).toEqual([
      'SS_LLM_PROVIDER',
      'SS_LLM_BASE_URL',
      'SS_LLM_TEMPERATURE',
    ]);
    expect(refusal.message).not.toMatch(/planted|chatgpt|ftp/);
  });

  it('warns of names that look like settings, and only of those', () => {
    const { warnings } = readConfiguration('api', {
      SS_API_PROT: '1',
      SSH_AGENT: 'x',
      SS_WORKER_CONCURRENCY: '4',
    });
    expect(warnings).toEqual(['SS_API_PROT is not a setting of SS and is ignored']);
  });
});

function refusalOf(env: Environment): ConfigurationInvalid {
  try {
    readConfiguration('worker', env);
  } catch (error) {
    if (error instanceof ConfigurationInvalid) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
