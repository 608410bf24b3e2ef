import { describe, expect, it } from '@jest/globals';
import { tracingVariables, withoutPrinting } from './tracing-environment.js';

const read = (environment: Record<string, string>): Record<string, string> | null =>
  tracingVariables('ss-api', environment, '1.2.3');
const COLLECTOR = 'http://collector:4318';

describe('tracing', () => {
  it.each([
    ['nothing is said', {}],
    ['only the service is named', { OTEL_SERVICE_NAME: 'x' }],
    ['the address is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
    ['the exporter is none', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }],
    ['the SDK is disabled', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }],
    ['the legacy switch is off', { SS_TRACING_ENABLED: '0', SS_TRACING_OTLP_ENDPOINT: COLLECTOR }],
    ['the legacy switch is missing', { SS_TRACING_OTLP_ENDPOINT: COLLECTOR }],
  ])('is off when %s', (_what, environment) => {
    expect(read(environment)).toBeNull();
  });

  it.each([
    { OTEL_TRACES_EXPORTER: 'otlp' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR },
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: COLLECTOR },
    { SS_TRACING_ENABLED: '1' },
  ])('is on with %j', (environment) => {
    expect(read(environment)).not.toBeNull();
  });

  it('names the service, its release, and nothing of its command line', () => {
    expect(read({ OTEL_TRACES_EXPORTER: 'otlp' })).toEqual({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_SERVICE_NAME: 'ss-api',
      OTEL_RESOURCE_ATTRIBUTES: 'service.version=1.2.3',
      OTEL_NODE_RESOURCE_DETECTORS: 'env,host,os,serviceinstance',
    });
  });

  it('leaves to the operator what the operator named', () => {
    const given = {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=mine,service.version=7',
      OTEL_NODE_RESOURCE_DETECTORS: 'none',
    };
    expect(read(given)).toEqual(given);
  });

  it('reads what the legacy service was told', () => {
    expect(
      read({
        SS_TRACING_ENABLED: 'true',
        SS_TRACING_SERVICE_NAME: 'acme',
        SS_TRACING_OTLP_ENDPOINT: 'http://old:4318/v1/traces',
        SS_TRACING_SAMPLE_RATIO: '0.25',
      }),
    ).toMatchObject({
      OTEL_SERVICE_NAME: 'acme-api',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://old:4318/v1/traces',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
  });

  it.each([
    ['7', '1'],
    ['-1', '0'],
    ['much', '1'],
    ['', '1'],
  ])('takes the legacy ratio %j as %s', (given, taken) => {
    const legacy = { SS_TRACING_ENABLED: '1', SS_TRACING_SAMPLE_RATIO: given };
    expect(read(legacy)?.['OTEL_TRACES_SAMPLER_ARG']).toBe(taken);
  });

  it('prefers the standard variables to the legacy ones', () => {
    const both = { SS_TRACING_ENABLED: '1', OTEL_TRACES_SAMPLER: 'always_on', OTEL_SERVICE_NAME: 'mine' };
    expect(read(both)).toMatchObject({ OTEL_TRACES_SAMPLER: 'always_on', OTEL_SERVICE_NAME: 'mine' });
  });

  it.each([
    ['console', null],
    ['otlp', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SERVICE_NAME: 'x' }],
    ['otlp, console', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SERVICE_NAME: 'x' }],
  ])('prints no spans among answers when the exporter is %j', (exporter, left) => {
    expect(withoutPrinting({ OTEL_TRACES_EXPORTER: exporter, OTEL_SERVICE_NAME: 'x' })).toEqual(left);
  });

  it('goes to a collector as before where no exporter is named', () => {
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR };
    expect(withoutPrinting(variables)).toEqual(variables);
  });
});
