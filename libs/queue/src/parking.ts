import type { Tx } from '#database';
import {
  FIND_PARKED,
  LET_IN,
  PARK_FETCHED,
  PARK_IN_FRONT,
  TAKE_UNLIMITED,
  TENANTS_WITH_PARKED,
} from './parking.sql.js';
import { type JobRef, QUEUE_SCHEMA, type QueueName } from './queues.js';
import { TELL_WORKERS } from './tell-workers.sql.js';

/** So far in line a claim looks for more of a tenant that may have no more: else its flood would be parked a claim at a time. */
const FRONT_OF_LINE = 250;
/** Messages that one transaction lets in: some tens of milliseconds. */
const PAGE = 250;

/** A message that the transaction has fetched. */
export interface FetchedMessage {
  id: string;
  ref: JobRef;
}

/**
 * Messages that wait outside of the line, because their tenant may have no more taken now. They keep their place, they
 * are live as any other, and whoever takes messages never comes across them.
 */
export class Parking {
  /** Takes what is of tenants without a limit out of the queue, and answers what is left: of tenants with one. */
  async takeUnlimited<Message extends FetchedMessage>(
    tx: Tx,
    name: QueueName,
    messages: readonly Message[],
  ): Promise<Message[]> {
    const rows = await tx.query<{ id: string }>(TAKE_UNLIMITED, [name, messages.map(({ id }) => id)]);
    if (rows.length === messages.length) return [];
    const taken = new Set(rows.map(({ id }) => id));
    return messages.filter(({ id }) => !taken.has(id));
  }

  /** Parks what was fetched, and what else its tenants have near the front of the line. */
  async park(tx: Tx, name: QueueName, messages: readonly FetchedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    await tx.query(PARK_FETCHED, [name, messages.map(({ id }) => id)]);
    const tenants = [...new Set(messages.map(({ ref }) => ref.tenantId))];
    await tx.query(PARK_IN_FRONT, [name, tenants, FRONT_OF_LINE]);
  }

  /**
   * Lets the first of the tenant's parked messages back into the line, so many that `room` of them stand in it, and tells
   * the workers when the transaction commits. Null: as many as one transaction may. Answers how many came.
   */
  async letIn(tx: Tx, name: QueueName, tenantId: string, room: number | null): Promise<number> {
    const letIn = await tx.query(LET_IN, [name, tenantId, room, PAGE]);
    if (letIn.length > 0) await tx.query(TELL_WORKERS, [QUEUE_SCHEMA, name]);
    return letIn.length;
  }

  /** Those of the tenants that have parked messages. */
  async among(tx: Tx, name: QueueName, tenants: readonly string[]): Promise<string[]> {
    if (tenants.length === 0) return [];
    const rows = await tx.query<{ tenantId: string }>(FIND_PARKED, [name, tenants]);
    return rows.map(({ tenantId }) => tenantId);
  }

  /** All tenants that have parked messages. */
  async tenants(tx: Tx, name: QueueName): Promise<string[]> {
    const rows = await tx.query<{ tenantId: string }>(TENANTS_WITH_PARKED, [name]);
    return rows.map(({ tenantId }) => tenantId);
  }
}
