import type { Deployment } from './deployment/deployment.js';
import type { LoadSettings } from './load/load.js';
import type { Trial } from './trial.js';

/** One way to do harm, and what must hold all the same. */
export interface Fault {
  /** Its number in the list of fault tests (docs/reliability.md). */
  number: number;
  /** Where a number has more than one form. */
  variant?: string;
  name: string;
  /** What is done. */
  does: string;
  /** What must hold, beside what is checked after every fault. */
  holds: string;
  /** What the recovery time is measured from, and to. */
  recovery: string;
  /** A longer recovery is a violation. */
  recoveryLimitMs: number;
  /** Callers that send jobs all the while; null: the fault does its own calls only. */
  load: LoadSettings | null;
  /** Settings of the programs, beside the usual ones: all of them are restarted for it. */
  settings?: Readonly<Record<string, string>>;
  /** Error lines that this harm brings about by right, with the reason beside each. */
  expectedGrave?: readonly RegExp[];
  /** A deployment of its own, in this folder; the common one when absent. Whoever calls closes it, then `releases`. */
  opens?: (folder: string) => Promise<OwnDeployment>;
  /** Why this machine cannot do it; null: it can. */
  lacks?: () => Promise<string | null>;
  /** The longest that it may take, at full scale. */
  limitSeconds: number;
  isInShortForm: boolean;
  conduct: (trial: Trial) => Promise<void>;
}

export interface OwnDeployment {
  deployment: Deployment;
  release: () => Promise<void>;
}

export function nameOf({ number, variant }: Fault): string {
  return variant === undefined ? String(number) : `${String(number)} (${variant})`;
}
