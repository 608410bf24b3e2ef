import { isRecording, span } from '#observability';
import {
  ATTR_CODE_FUNCTION_NAME,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_RESPONSE_STATUS_CODE,
  ATTR_DB_SYSTEM_NAME,
  DB_SYSTEM_NAME_VALUE_POSTGRESQL,
} from '@opentelemetry/semantic-conventions';

/** Deep enough to find who asked for a transaction behind a helper or two. */
const FRAMES = 12;

/**
 * Runs a transaction within a span that has the name of its caller, `JobLifecycle.confirm` say. No statement is told, and
 * no value. Only where something is being recorded: what programs do unasked has no trace to be in.
 */
export async function transactionSpan<T>(transaction: () => Promise<T>): Promise<T> {
  if (!isRecording()) return transaction();
  const caller = callerOf(stackHere());
  const attributes = {
    [ATTR_DB_SYSTEM_NAME]: DB_SYSTEM_NAME_VALUE_POSTGRESQL,
    [ATTR_DB_OPERATION_NAME]: 'transaction',
    [ATTR_CODE_FUNCTION_NAME]: caller,
  };
  return span(`transaction ${caller}`, { kind: 'client', attributes }, async (open) => {
    try {
      return await transaction();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
        open.set({ [ATTR_DB_RESPONSE_STATUS_CODE]: code });
      }
      throw error;
    }
  });
}

/**
 * The method that others called: of the class that opened the transaction, the one that is furthest out, so that a
 * private helper of it does not stand for all who use it.
 */
export function callerOf(stack: string): string {
  const methods = [...stack.matchAll(/^\s*at (?:async )?(?:new )?([\w$]+)\.([\w$#]+) /gm)];
  const outside = methods.filter(([, type]) => type !== 'Database');
  const [nearest] = outside;
  if (!nearest) return 'unknown';
  const others = outside.findIndex(([, type]) => type !== nearest[1]);
  const own = others === -1 ? outside : outside.slice(0, others);
  const [, type = '', method = ''] = own.at(-1) ?? nearest;
  return `${type}.${method}`;
}

function stackHere(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = before;
  return stack;
}
