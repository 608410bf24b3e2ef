import type { Database, TenantScope, Tx } from '#database';
import type { Job } from '../job.js';
import { type JobFilter, JOB_ORDERS, type JobSort, NEWEST_FIRST, type Place } from './job-filter.js';
import { ListStatement, type Statement } from './list-statement.js';

/** So many candidates one page looks at, however few of them fit: a few thousand rows, some milliseconds. */
const PAGE_BUDGET = 2_000;
/** Further than that nobody counts. */
const MAX_TOTAL = 10_000;
const TOTAL_BUDGET = 20_000;

export interface ListOptions {
  sort?: JobSort | undefined;
  limit: number;
  /** The place of the page before. */
  after?: Place | null | undefined;
}

/** Some jobs in the order of the list. */
export interface JobStretch {
  jobs: Job[];
  /** The look ended here and not at the end of the list; null: at the limit, or at the end. */
  stoppedAt: Place | null;
}

/** How many jobs there are: `exact`, or there may be more. */
export interface Total {
  value: number;
  relation: 'exact' | 'at_least';
}

/** The words and labels of the filter as `job_term` has them; the same function wrote those. */
const FIND_TERMS = 'SELECT term FROM job_terms($1, $2) AS term';

/** What leads to the fewest jobs comes first, as far as a short look tells. */
const BY_RARITY = `
  SELECT term FROM unnest($2::text[]) AS asked (term)
  CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM (SELECT FROM job_term WHERE tenant_id = $1 AND job_term.term = asked.term LIMIT $3) AS looked_at
  ) AS found
  ORDER BY jobs, term`;

/**
 * Lists of jobs, by keyset: a page costs the same wherever it is and however many jobs there are. An index gives the jobs
 * in the order of the list; where more is asked of each, a page looks at so many and no more, and may be short or empty
 * while the list goes on.
 */
export class JobLists {
  constructor(
    private readonly database: Database,
    private readonly pageBudget = PAGE_BUDGET,
  ) {}

  async read(scope: TenantScope, filter: JobFilter, options: ListOptions): Promise<JobStretch> {
    return this.database.transaction(scope, (tx) => this.readIn(tx, scope.tenantId, filter, options));
  }

  /** The same in a transaction of the tenant that is open. */
  async readIn(tx: Tx, tenantId: string, filter: JobFilter, options: ListOptions): Promise<JobStretch> {
    const { sort = NEWEST_FIRST, limit, after = null } = options;
    const terms = await termsOf(tx, tenantId, filter);
    // Words that are no words find nothing, and not everything.
    if (terms === null) return { jobs: [], stoppedAt: null };
    const statement = new ListStatement({ tenantId, filter, sort, terms, after });
    const jobs = await run<Job>(tx, statement.page(limit, this.pageBudget));
    if (jobs.length === limit || !statement.isFiltered) return { jobs, stoppedAt: null };
    const [last] = await run<Record<string, unknown>>(tx, statement.lastPlace(this.pageBudget));
    return { jobs, stoppedAt: last ? JOB_ORDERS[sort.by].map((column) => String(last[column])) : null };
  }

  /** How many there are, as far as counting goes. */
  async total(scope: TenantScope, filter: JobFilter): Promise<Total> {
    const { tenantId } = scope;
    return this.database.transaction(scope, async (tx) => {
      const terms = await termsOf(tx, tenantId, filter);
      if (terms === null) return { value: 0, relation: 'exact' };
      const statement = new ListStatement({ tenantId, filter, sort: NEWEST_FIRST, terms, after: null });
      const most = statement.isFiltered ? TOTAL_BUDGET : MAX_TOTAL + 1;
      const [counted] = await run<{ fitting: number; seen: number }>(tx, statement.count(most, TOTAL_BUDGET));
      const { fitting = 0, seen = 0 } = counted ?? {};
      const isExact = seen < most && fitting <= MAX_TOTAL;
      return { value: Math.min(fitting, MAX_TOTAL), relation: isExact ? 'exact' : 'at_least' };
    });
  }
}

/** Null: the text has no word. */
async function termsOf(tx: Tx, tenantId: string, { labels = {}, text }: JobFilter): Promise<string[] | null> {
  if (text === undefined && Object.keys(labels).length === 0) return [];
  const rows = await tx.query<{ term: string }>(FIND_TERMS, [text ?? null, JSON.stringify(labels)]);
  const terms = rows.map(({ term }) => term);
  if (text !== undefined && terms.length === Object.keys(labels).length) return null;
  if (terms.length < 2) return terms;
  const byRarity = await tx.query<{ term: string }>(BY_RARITY, [tenantId, terms, PAGE_BUDGET]);
  return byRarity.map(({ term }) => term);
}

async function run<Row extends object>(tx: Tx, { text, values }: Statement): Promise<Row[]> {
  return tx.query<Row & Record<string, unknown>>(text, values);
}
