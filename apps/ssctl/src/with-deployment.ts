import type { Deployment } from './deployment.js';

/** Runs a command with the deployment open, and closes it whatever happens. */
export type WithDeployment = <T>(work: (deployment: Deployment) => Promise<T>) => Promise<T>;
