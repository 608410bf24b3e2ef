import type { Route } from './routes.js';

/** Whose key a request carries. */
export type Asker = 'own' | 'nobody' | 'wrong' | 'narrow' | 'platform';

/** How the bytes go out. */
export type Manner = 'plain' | 'pipelined' | 'cut' | 'mangled';

export interface Body {
  contentType: string | null;
  /** One character a byte. */
  bytes: string;
}

/** A request as it was drawn: ids of the deployment stand in it as tokens, see World. */
export interface FuzzRequest {
  route: Route;
  method: string;
  /** With its parameters in their places, escaped. */
  address: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: Body | null;
  asker: Asker;
  manner: Manner;
  /** Which of the known ids the tokens stand for. */
  pick: number;
}

/** True when it reaches its route as HTTP has it: then the answer is of a documented form. */
export function isWellFormed({ method, manner, route }: FuzzRequest): boolean {
  return method === route.method && (manner === 'plain' || manner === 'pipelined');
}
