import { JOB_STATUSES, type JobStatus } from '../job-moves.js';
import { type JobFilter, JOB_ORDERS, type JobSort, type Place } from './job-filter.js';

/** PostgreSQL's type of each column of an order. */
const TYPES = {
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
  priority: 'integer',
  job_id: 'text',
} as const;

/** A statement with the values of its parameters. */
export interface Statement {
  text: string;
  values: readonly unknown[];
}

export interface ListRequest {
  tenantId: string;
  filter: JobFilter;
  sort: JobSort;
  /** The terms of the filter's labels and words. */
  terms: readonly string[];
  after: Place | null;
}

/**
 * The jobs of a list as candidates that an index gives in the order of the list, and what is left to be asked of each.
 * Nothing is sorted and nothing is read ahead, so that a page costs what its candidates cost and no more.
 */
export class ListStatement {
  private readonly values: unknown[] = [];
  private readonly order: string;
  private readonly candidates: (limit: string) => string;
  private readonly rest: readonly string[];
  /** So many values belong to the candidates; those after them to the rest. */
  private readonly ofCandidates: number;

  constructor(private readonly request: ListRequest) {
    const { sort } = request;
    const columns: readonly string[] = JOB_ORDERS[sort.by];
    const direction = sort.descending ? 'DESC' : 'ASC';
    this.order = columns.map((column) => `${column} ${direction}`).join(', ');
    const tenant = this.bind(request.tenantId);
    const [driving] = request.terms;
    const byTerm = sort.by === 'created_at' && driving !== undefined;
    this.candidates = byTerm ? this.ofTerm(tenant, driving) : this.ofStatuses(tenant);
    this.ofCandidates = this.values.length;
    this.rest = this.leftToAsk(tenant, byTerm);
  }

  /** Whether a candidate may be no job of the list. */
  get isFiltered(): boolean {
    return this.rest.length > 0;
  }

  /** At most `limit` jobs from the first `budget` candidates, in whose order they stay: to filter is all that is done here. */
  page(limit: number, budget: number): Statement {
    const values = [...this.values, this.isFiltered ? budget : limit, limit];
    const [most, wanted] = [`$${String(values.length - 1)}`, `$${String(values.length)}`];
    const text = `SELECT * FROM (${this.candidates(most)}) AS job ${where(this.rest)} LIMIT ${wanted}`;
    return { text, values };
  }

  /** Where the last of `budget` candidates stands; no row when there are fewer. */
  lastPlace(budget: number): Statement {
    const values = [...this.values.slice(0, this.ofCandidates), budget];
    const columns = JOB_ORDERS[this.request.sort.by].join(', ');
    const most = `$${String(values.length)}::bigint`;
    const text = `SELECT ${columns} FROM (${this.candidates(most)}) AS job OFFSET ${most} - 1 LIMIT 1`;
    return { text, values };
  }

  /** How many there are, at most `limit`, among the first `budget` candidates; and how many of those were looked at. */
  count(limit: number, budget: number): Statement {
    const values = [...this.values, this.isFiltered ? budget : limit];
    const fits = this.rest.length === 0 ? 'true' : this.rest.join(' AND ');
    const most = `$${String(values.length)}`;
    const text = `SELECT count(*) FILTER (WHERE ${fits}) AS fitting, count(*) AS seen FROM (${this.candidates(most)}) AS job`;
    return { text, values };
  }

  /** The statuses' stretches of one index, merged; newest first over all of them has an index of its own. */
  private ofStatuses(tenant: string): (limit: string) => string {
    const { statuses } = this.request.filter;
    const bounds = this.bounds();
    if (this.request.sort.by === 'created_at' && !statuses) {
      const all = `SELECT * FROM job ${where([`tenant_id = ${tenant}`, ...bounds])}`;
      return (limit) => `${all} ORDER BY ${this.order} LIMIT ${limit}`;
    }
    const stretches = [...new Set(statuses ?? JOB_STATUSES)].map(
      (status: JobStatus) =>
        `SELECT * FROM job ${where([`tenant_id = ${tenant}`, `status = '${status}'`, ...bounds])}`,
    );
    // A limit for each stretch as well: without, the planner may think that reading and sorting all of them is cheaper.
    return (limit) => {
      const limited = stretches.map((stretch) => `(${stretch} ORDER BY ${this.order} LIMIT ${limit})`);
      return `SELECT * FROM (${limited.join(' UNION ALL ')}) AS stretch ORDER BY ${this.order} LIMIT ${limit}`;
    };
  }

  private ofTerm(tenant: string, term: string): (limit: string) => string {
    const found = where([`tenant_id = ${tenant}`, `term = ${this.bind(term)}`, ...this.bounds()]);
    // One look at job for each place, in the order of the places: no plan that reads all of them first.
    return (limit) =>
      `SELECT job.* FROM (
         SELECT created_at, job_id FROM job_term ${found} ORDER BY ${this.order} LIMIT ${limit}
       ) AS place
       CROSS JOIN LATERAL (SELECT * FROM job WHERE tenant_id = ${tenant} AND job_id = place.job_id LIMIT 1) AS job
       ORDER BY place.created_at ${this.direction}, place.job_id ${this.direction}`;
  }

  /** What the index itself keeps: the place after which the page begins, and a range of the column that leads the order. */
  private bounds(): string[] {
    const { after, sort } = this.request;
    const columns = JOB_ORDERS[sort.by];
    const bounds = this.range(sort.by);
    if (after) {
      const place = columns.map((column, n) => `${this.bind(after[n])}::${TYPES[column]}`);
      bounds.push(`(${columns.join(', ')}) ${sort.descending ? '<' : '>'} (${place.join(', ')})`);
    }
    return bounds;
  }

  private range(column: string): string[] {
    const { createdSince, createdUntil, updatedSince, updatedUntil } = this.request.filter;
    const [since, until] =
      column === 'created_at'
        ? [createdSince, createdUntil]
        : column === 'updated_at'
          ? [updatedSince, updatedUntil]
          : [];
    return [
      ...(since === undefined ? [] : [`${column} >= ${this.bind(since)}::timestamptz`]),
      ...(until === undefined ? [] : [`${column} < ${this.bind(until)}::timestamptz`]),
    ];
  }

  private leftToAsk(tenant: string, byTerm: boolean): string[] {
    const { filter, terms, sort } = this.request;
    const ranges = (['created_at', 'updated_at'] as const).filter((column) => column !== sort.by);
    const others = byTerm ? terms.slice(1) : terms;
    return [
      ...(byTerm && filter.statuses ? [`job.status = ANY (${this.bind(filter.statuses)}::text[])`] : []),
      ...ranges.flatMap((column) => this.range(column)),
      // As a scalar: an EXISTS might become a join that reads all jobs of the term.
      ...others.map(
        (term) => `coalesce((
          SELECT true FROM job_term AS t
          WHERE t.tenant_id = ${tenant} AND t.term = ${this.bind(term)} AND t.created_at = job.created_at
            AND t.job_id = job.job_id
        ), false)`,
      ),
    ];
  }

  private get direction(): string {
    return this.request.sort.descending ? 'DESC' : 'ASC';
  }

  private bind(value: unknown): string {
    this.values.push(value);
    return `$${String(this.values.length)}`;
  }
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}
