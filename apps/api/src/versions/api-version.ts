/** A day, 2027-06-30 say; it begins at midnight UTC. */
export type Day = string;

/** One version of the API: where its addresses begin, and how long they are answered. */
export interface ApiVersion {
  name: string;
  /** Its addresses are this one and all below it. */
  prefix: string;
  /** What comes before the name of a resource: `/v1` of `/v1/jobs`; nothing of `/jobs`. */
  root: string;
  /** What it is, in a sentence for people. */
  about: string;
  since: Day;
  /** The version that clients should move to; null: this is the current one. */
  successor: string | null;
  /** Since then its answers say that it is deprecated. */
  deprecated: Day | null;
  /** From then on its addresses answer 410. */
  sunset: Day | null;
  /** Answered past its sunset all the same, or not even until then; by the operator's will. */
  ends: 'at_sunset' | 'never' | 'now';
  /** The version whose addresses it takes over where it has none of its own. */
  inherits: string | null;
  /** How it writes refusals: Problem Details, or the two fields of the legacy service. */
  refusals: 'problem' | 'legacy';
  /** Routes that have another name in the successor than the same one under its prefix. */
  moved: Readonly<Record<string, string>>;
}

export const DAY_MS = 24 * 60 * 60 * 1_000;

/** How long a version is answered after its successor came, at least. */
export const WINDOW_DAYS = 180;

/** The instant when the day begins. */
export function beginOf(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Whether the version was promised for long enough after the one that replaces it. */
export function keepsWindow({ sunset }: ApiVersion, successor: ApiVersion): boolean {
  return sunset === null || beginOf(sunset) - beginOf(successor.since) >= WINDOW_DAYS * DAY_MS;
}

/** Where the OpenAPI document of the version is. */
export function documentAddress({ name }: ApiVersion): string {
  return `/openapi/${name}.json`;
}
