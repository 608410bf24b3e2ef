import type { Configuration } from '#configuration';

const SECOND = 1_000;

/** What a request may be at most, and what an answer tells browsers. By configuration. */
export interface EdgeSettings {
  bodyMaxBytes: number;
  /** The request line and all headers together. */
  headersMaxBytes: number;
  urlMaxBytes: number;
  headersTimeoutMs: number;
  /** The whole request, its body included. */
  requestTimeoutMs: number;
  /** In every such span a body brings at least `bodyMinBytesPerSecond` for each of its seconds. */
  slowBodyMs: number;
  bodyMinBytesPerSecond: number;
  /** The origins whose pages may call the API; none: no page of another origin may. */
  corsOrigins: readonly string[];
}

export function toEdgeSettings(configuration: Configuration<'api'>): EdgeSettings {
  return {
    bodyMaxBytes: configuration.bodyMaxBytes,
    headersMaxBytes: configuration.headersMaxBytes,
    urlMaxBytes: configuration.urlMaxBytes,
    headersTimeoutMs: configuration.headersTimeoutSeconds * SECOND,
    requestTimeoutMs: configuration.requestTimeoutSeconds * SECOND,
    slowBodyMs: configuration.slowBodySeconds * SECOND,
    bodyMinBytesPerSecond: configuration.bodyMinBytesPerSecond,
    corsOrigins: (configuration.corsOrigins ?? '')
      .split(',')
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ''),
  };
}
