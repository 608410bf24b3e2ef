import { QUEUE_SCHEMA, QUEUES } from './queues.js';

/**
 * pg-boss hands out messages by priority and then by `created_on`. SS says by that column where a message stands: as many
 * microseconds after this instant as its turn. It is no time of day.
 */
const TURN_ZERO = `'2000-01-01 00:00:00+00'::timestamptz`;

/** From here on stand messages without a turn, by the time for which they are meant; see `DueMessages`. */
export const NO_TURN_YET = `'10000-01-01 00:00:00+00'::timestamptz`;

/** The place of a message with the turn that the expression gives. */
export function placeOf(turn: string): string {
  return `(${TURN_ZERO} + (${turn}) * interval '1 microsecond')`;
}

/** The place of a message that waits for its time or for a turn. */
function placeWithoutTurn(startAfter: string): string {
  return `(${NO_TURN_YET} + make_interval(secs => extract(epoch FROM ${startAfter} - ${TURN_ZERO})::float8))`;
}

const SHARED = Object.keys(QUEUES)
  .map((name) => `'${name}'`)
  .join(', ');

/**
 * What gives each message its place when it is sent, and makes those findable that are due and have no turn yet. A
 * trigger, because pg-boss writes `created_on` by itself. May be run again: messages of a release that knew no turns
 * get one like those that come due.
 */
export const DEPLOY_PLACES = `
  CREATE OR REPLACE FUNCTION ${QUEUE_SCHEMA}.ss_place_in_line() RETURNS trigger
  LANGUAGE plpgsql
  AS $place$
  BEGIN
    NEW.created_on := CASE
      WHEN NEW.data ? 'turn' AND NEW.start_after <= clock_timestamp() THEN ${placeOf(`(NEW.data ->> 'turn')::bigint`)}
      ELSE ${placeWithoutTurn('NEW.start_after')}
    END;
    RETURN NEW;
  END
  $place$;

  CREATE OR REPLACE TRIGGER ss_place_in_line BEFORE INSERT ON ${QUEUE_SCHEMA}.job
  FOR EACH ROW WHEN (NEW.name IN (${SHARED})) EXECUTE FUNCTION ${QUEUE_SCHEMA}.ss_place_in_line();

  CREATE INDEX IF NOT EXISTS ss_no_turn_yet ON ${QUEUE_SCHEMA}.job (name, start_after)
  WHERE state < 'active' AND NOT blocked AND created_on >= ${NO_TURN_YET};

  UPDATE ${QUEUE_SCHEMA}.job SET created_on = ${placeWithoutTurn('start_after')}
  WHERE name IN (${SHARED}) AND state < 'active' AND NOT data ? 'turn' AND created_on < ${NO_TURN_YET};`;
