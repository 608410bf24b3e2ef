type Environment = Readonly<Record<string, string | undefined>>;

/** How the legacy service was told to trace. Read where `SS_TRACING_ENABLED` is on; the standard variables win. */
export const LEGACY_TRACING = [
  'SS_TRACING_ENABLED',
  'SS_TRACING_SERVICE_NAME',
  'SS_TRACING_EXPORTER',
  'SS_TRACING_OTLP_ENDPOINT',
  'SS_TRACING_SAMPLE_RATIO',
] as const;

/**
 * Not the process's own: the command line and the user's name are nobody's business, and the former may hold secrets.
 */
const RESOURCE_DETECTORS = 'env,host,os,serviceinstance';

const isTrue = (text: string | undefined): boolean => /^(1|true|yes|on)$/i.test(text?.trim() ?? '');

/**
 * The variables that OpenTelemetry's SDK is to read; null when tracing is off, which it is until an exporter or the
 * address of a collector is named. `service` is `ss-api`, say.
 */
export function tracingVariables(
  service: string,
  environment: Environment,
  version: string,
): Record<string, string> | null {
  const given = { ...legacyVariables(service, environment), ...standardVariables(environment) };
  if (isTrue(given['OTEL_SDK_DISABLED'])) return null;
  const exporter = given['OTEL_TRACES_EXPORTER'];
  if (exporter === 'none') return null;
  const address = given['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? given['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (exporter === undefined && address === undefined) return null;
  const resource = given['OTEL_RESOURCE_ATTRIBUTES'] ?? '';
  const has = (name: string): boolean => new RegExp(`(^|,)\\s*${name}\\s*=`).test(resource);
  const more = has('service[.]version') ? [] : [`service.version=${encodeURIComponent(version)}`];
  return {
    OTEL_NODE_RESOURCE_DETECTORS: RESOURCE_DETECTORS,
    ...(has('service[.]name') ? {} : { OTEL_SERVICE_NAME: service }),
    ...given,
    OTEL_RESOURCE_ATTRIBUTES: [resource, ...more].filter((text) => text !== '').join(','),
  };
}

/** For a program whose standard output holds answers: spans are not printed there. Null when nothing else was asked for. */
export function withoutPrinting(variables: Record<string, string>): Record<string, string> | null {
  const named = variables['OTEL_TRACES_EXPORTER'];
  if (named === undefined) return variables;
  const others = named.split(',').filter((exporter) => exporter.trim() !== 'console');
  return others.length === 0 ? null : { ...variables, OTEL_TRACES_EXPORTER: others.join(',') };
}

/** An empty value counts as absent, as the standard says. */
function standardVariables(environment: Environment): Record<string, string> {
  const named = Object.entries(environment).map(([name, value]) => [name, value?.trim() ?? ''] as const);
  return Object.fromEntries(named.filter(([name, value]) => name.startsWith('OTEL_') && value !== ''));
}

function legacyVariables(service: string, environment: Environment): Record<string, string> {
  if (!isTrue(environment['SS_TRACING_ENABLED'])) return {};
  const read = (name: (typeof LEGACY_TRACING)[number], otherwise: string): string =>
    environment[name]?.trim() || otherwise; // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing -- empty is absent
  const ratio = Number(read('SS_TRACING_SAMPLE_RATIO', '1'));
  return {
    OTEL_SERVICE_NAME: service.replace(/^ss/, read('SS_TRACING_SERVICE_NAME', 'ss')),
    OTEL_TRACES_EXPORTER: read('SS_TRACING_EXPORTER', 'otlp'),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: read('SS_TRACING_OTLP_ENDPOINT', 'http://localhost:4318/v1/traces'),
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(Math.min(1, Math.max(0, Number.isNaN(ratio) ? 1 : ratio))),
  };
}
