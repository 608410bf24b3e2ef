import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { release } from '../release.js';
import { useTracer } from './spans.js';
import { traceIds } from './trace-ids.js';
import { tracingVariables, withoutPrinting } from './tracing-environment.js';

export interface TracingOptions {
  /** `ss-api`, say: the default of OTEL_SERVICE_NAME. */
  service: string;
  /** The program's own environment: the SDK reads nothing else, so for the time of its start it is told there. */
  environment: Record<string, string | undefined>;
  /** What stands in the file `.env`; the environment wins. */
  file?: Readonly<Record<string, string | undefined>>;
  logger: Logger;
  /** Standard output is for answers, which programs read: the exporter `console` is left out. */
  answersOnStandardOutput?: boolean;
}

export interface Tracing {
  isOn: boolean;
  /** Sends what is left, for a bounded time, and ends. */
  stop: () => Promise<void>;
}

const OFF: Tracing = { isOn: false, stop: () => Promise.resolve() };
/** A collector that is away must not hold up a shutdown: what it has not taken by then is dropped. */
const LAST_SEND_MS = 3_000;
/** A collector that is away for a night is said a few times, not with every batch. */
const SAY_EVERY_MS = 60_000;

/**
 * Starts tracing where the standard variables (OTEL_*), or those of the legacy service, ask for it. Where they do not,
 * nothing of the SDK is loaded. It never throws: without its traces a program works as well.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { service, environment, file, logger, answersOnStandardOutput = false } = options;
  const asked = tracingVariables(service, { ...file, ...environment }, release());
  const variables = asked && answersOnStandardOutput ? withoutPrinting(asked) : asked;
  if (!variables) return OFF;
  try {
    const { NodeSDK } = await import('@opentelemetry/sdk-node');
    const sdk = during(environment, variables, () => {
      const made = new NodeSDK({
        idGenerator: traceIds,
        // Metrics and logs go their own ways.
        metricReaders: [],
        logRecordProcessors: [],
      });
      // The constructor may have set one that prints; ours must be there before exporters complain.
      diag.setLogger(faultsOf(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
      made.start();
      return made;
    });
    useTracer(trace.getTracer('ss', release()));
    logger.info({ event: 'SS_TRACING_CONFIGURED', ...describe(variables) }, 'traces are recorded');
    return {
      isOn: true,
      stop: async () => {
        useTracer(null);
        const sent = sdk.shutdown().then(
          () => true,
          () => false,
        );
        for (const api of [trace, context, propagation]) api.disable();
        const isSent = await Promise.race([sent, sleep(LAST_SEND_MS, false, { ref: false })]);
        if (!isSent)
          logger.warn({ event: 'SS_TRACING_LAST_SPANS_LOST' }, 'the collector did not take the last spans');
      },
    };
  } catch (error) {
    logger.warn({ event: 'SS_TRACING_FAILED', err: error }, 'tracing could not be started; going on without');
    return OFF;
  }
}

/** Puts the variables into the environment while `work` runs: children that are started later are to get their own. */
function during<T>(
  environment: Record<string, string | undefined>,
  variables: Readonly<Record<string, string>>,
  work: () => T,
): T {
  const before = Object.keys(variables).map((name) => [name, environment[name]] as const);
  Object.assign(environment, variables);
  try {
    return work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(environment, name);
      else environment[name] = value;
    }
  }
}

/** What an operator wants to see confirmed; headers hold keys of collectors, so they are not told. */
function describe(variables: Readonly<Record<string, string>>): object {
  return {
    tracing_exporter: variables['OTEL_TRACES_EXPORTER'] ?? 'otlp',
    otlp_endpoint: withoutSecrets(
      variables['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? variables['OTEL_EXPORTER_OTLP_ENDPOINT'],
    ),
    sampler: variables['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on',
    service_name: variables['OTEL_SERVICE_NAME'] ?? null,
  };
}

function withoutSecrets(address: string | undefined): string | null {
  if (address === undefined || !URL.canParse(address)) return null;
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname}`;
}

/** What goes wrong with the SDK and its collector, as warnings of ours, and not more than one a minute. */
function faultsOf(logger: Logger): Parameters<typeof diag.setLogger>[0] {
  let saidAt = -Infinity;
  const say = (message: string): void => {
    if (performance.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = performance.now();
    // As an error: what may be said of errors, and what has to go from them, is decided in one place.
    const err = new Error(causeOf(message));
    logger.warn({ event: 'SS_TRACING_FAULT', err }, 'traces do not reach the collector');
  };
  const nothing = (): void => undefined;
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing };
}

const MAX_CAUSE_CHARS = 200;

/** The SDK tells errors as JSON, with their stacks and what the collector answered. */
function causeOf(message: string): string {
  try {
    const { name, code, message: text } = JSON.parse(message) as Record<string, unknown>;
    const parts = [name, code, text].filter((part) => typeof part === 'string');
    return parts.join(': ').slice(0, MAX_CAUSE_CHARS);
  } catch {
    return message.slice(0, MAX_CAUSE_CHARS);
  }
}
