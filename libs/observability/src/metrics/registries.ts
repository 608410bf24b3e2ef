import { Registry } from 'prom-client';

/** Which programs have figures of their own to tell. */
export type MetricsProgram = 'api' | 'worker';

/**
 * Who tells a metric: the API, every worker, or the one worker that speaks for the whole system. What a process counts
 * and is not asked to tell is in none of its pages.
 */
export const registries = { api: new Registry(), worker: new Registry(), system: new Registry() };

export const API = [registries.api];
export const WORKER = [registries.worker];
export const BOTH = [registries.api, registries.worker];
export const SYSTEM = [registries.system];
