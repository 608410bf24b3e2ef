import { LEGACY_TRACING } from '#observability';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Configuration } from './configuration.js';
import { ConfigurationInvalid, type ConfigurationFault } from './configuration-invalid.js';
import { ruleOf, tryParseValue, type Value } from './parse-value.js';
import { settings, type Program, type Setting } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigurationRead<P extends Program> {
  configuration: Configuration<P>;
  /** Sentences for the log: names that look like settings but are none, typing errors mostly. */
  warnings: string[];
}

/**
 * Reads all the settings of a program and checks them, alone and against each other, before anything starts.
 * An empty value counts as absent, as it does in most shells and container files.
 */
export function readConfiguration<P extends Program>(program: P, env: Environment): ConfigurationRead<P> {
  const values = new Map<string, Value | null>();
  const faults: ConfigurationFault[] = [];
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    if (!setting.readBy.includes(program)) continue;
    const text = env[name]?.trim() ?? '';
    const value = text === '' ? setting.default : tryParseValue(setting, text);
    if (text !== '' && value === null) faults.push({ name, rule: `must be ${ruleOf(setting)}` });
    else values.set(setting.field, value);
  }
  faults.push(...crossFaults(values));
  if (faults.length > 0) throw new ConfigurationInvalid(faults);

  if (values.get('artifactsDir') === null) {
    values.set('artifactsDir', join(String(values.get('dataDir')), 'artifacts'));
  }
  // The table that fills `values` is the one that Configuration<P> is computed from.
  const configuration = Object.fromEntries(values) as Configuration<P>;
  return { configuration, warnings: unknownNames(env) };
}

/** Rules between settings. A setting that is itself at fault, or that the program does not read, is left out. */
function crossFaults(values: ReadonlyMap<string, Value | null>): ConfigurationFault[] {
  const number = (field: string): number | null => {
    const value = values.get(field);
    return typeof value === 'number' ? value : null;
  };
  const faults: ConfigurationFault[] = [];
  const lease = number('queueLeaseTtlSeconds');
  const heartbeat = number('queueHeartbeatSeconds');
  if (lease !== null && heartbeat !== null && heartbeat >= lease / 2) {
    const rule = 'must be less than half of SS_QUEUE_LEASE_TTL_SECONDS';
    faults.push({ name: 'SS_QUEUE_HEARTBEAT_SECONDS', rule });
  }
  const apiPort = number('apiPort');
  if (apiPort !== null && apiPort !== 0 && apiPort === number('workerPort')) {
    faults.push({ name: 'SS_WORKER_PORT', rule: 'must differ from SS_API_PORT' });
  }
  if (values.get('artifactStore') === 's3' && values.get('s3Bucket') === null) {
    faults.push({ name: 'SS_S3_BUCKET', rule: 'is needed with SS_ARTIFACT_STORE=s3' });
  }
  return [...faults, ...llmFaults(values), ...oidcFaults(values), ...webhookFaults(values)];
}

/** A language model needs an address and a name, and an attempt must fit into the whole. */
function llmFaults(values: ReadonlyMap<string, Value | null>): ConfigurationFault[] {
  const faults: ConfigurationFault[] = [];
  const isMissing = (field: string): boolean => values.has(field) && values.get(field) === null;
  const isSet = (field: string): boolean => typeof values.get(field) === 'string';
  if (values.get('llmProvider') === 'openai_compatible') {
    const rule = 'is needed with SS_LLM_PROVIDER=openai_compatible';
    if (isMissing('llmBaseUrl')) faults.push({ name: 'SS_LLM_BASE_URL', rule });
    if (isMissing('llmModel')) faults.push({ name: 'SS_LLM_MODEL', rule });
  }
  if (isSet('llmFallbackBaseUrl') && isMissing('llmFallbackModel'))
    faults.push({ name: 'SS_LLM_FALLBACK_MODEL', rule: 'is needed with SS_LLM_FALLBACK_BASE_URL' });
  if (isSet('llmFallbackModel') && isMissing('llmFallbackBaseUrl'))
    faults.push({ name: 'SS_LLM_FALLBACK_BASE_URL', rule: 'is needed with SS_LLM_FALLBACK_MODEL' });
  const [timeout, total] = [values.get('llmTimeoutSeconds'), values.get('llmTotalSeconds')];
  if (typeof timeout === 'number' && typeof total === 'number' && timeout > total)
    faults.push({ name: 'SS_LLM_TIMEOUT_SECONDS', rule: 'must be at most SS_LLM_TOTAL_SECONDS' });
  return faults;
}

/** Whoever can change what the issuer says on its way can make tokens: so only by TLS, or on this machine. */
function oidcFaults(values: ReadonlyMap<string, Value | null>): ConfigurationFault[] {
  const faults: ConfigurationFault[] = [];
  const issuer = values.get('oidcIssuer');
  if (typeof issuer === 'string' && values.get('oidcAudience') === null)
    faults.push({ name: 'SS_OIDC_AUDIENCE', rule: 'is needed with SS_OIDC_ISSUER' });
  const addresses = { SS_OIDC_ISSUER: issuer, SS_OIDC_JWKS_URL: values.get('oidcJwksUrl') };
  for (const [name, address] of Object.entries(addresses)) {
    if (typeof address === 'string' && !isPrivateAddress(new URL(address)))
      faults.push({ name, rule: 'must begin with https://, unless it is on this machine' });
  }
  return faults;
}

function webhookFaults(values: ReadonlyMap<string, Value | null>): ConfigurationFault[] {
  const networks = values.get('webhooksPrivateNetworks');
  if (typeof networks !== 'string' || networks.split(',').every((name) => isNetwork(name.trim()))) return [];
  return [{ name: 'SS_WEBHOOKS_PRIVATE_NETWORKS', rule: 'must be networks such as 10.1.0.0/16, by commas' }];
}

function isNetwork(text: string): boolean {
  const [address = '', bits = ''] = text.split('/');
  const version = isIP(address);
  return version !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

function isPrivateAddress({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/** Read beside OpenTelemetry's own variables, by whoever starts tracing. */
const READ_ELSEWHERE: readonly string[] = LEGACY_TRACING;

function unknownNames(env: Environment): string[] {
  return Object.keys(env)
    .filter(
      (name) => name.startsWith('SS_') && !Object.hasOwn(settings, name) && !READ_ELSEWHERE.includes(name),
    )
    .sort()
    .map((name) => `${name} is not a setting of SS and is ignored`);
}
