import pg from 'pg';

export interface Subscription {
  close(): Promise<void>;
}

interface ListenOptions {
  url: string;
  channel: string;
  onNotify: (payload: string) => void;
  onError: (error: Error) => void;
}

const RECONNECT_MIN_MS = 200;
const RECONNECT_MAX_MS = 5_000;

/**
 * Listens until closed. After every (re)connect the callback is called once with an empty payload, because
 * what was sent in between is lost.
 */
export function listen({ url, channel, onNotify, onError }: ListenOptions): Subscription {
  let closed = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let waitMs = RECONNECT_MIN_MS;

  const retry = (): void => {
    client = null;
    if (closed) return;
    timer = setTimeout(() => void connect(), waitMs * (0.5 + Math.random()));
    waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS);
  };

  const connect = async (): Promise<void> => {
    const next = new pg.Client({
      connectionString: url,
      application_name: `ss-listen-${channel}`,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    client = next;
    next.on('error', onError);
    next.on('end', () => {
      if (client === next) retry();
    });
    next.on('notification', (message) => {
      onNotify(message.payload ?? '');
    });
    try {
      await next.connect();
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      waitMs = RECONNECT_MIN_MS;
      onNotify('');
    } catch (error) {
      onError(error instanceof Error ? error : new Error('cannot listen', { cause: error }));
      await next.end().catch(() => undefined);
      if (client === next) retry();
    }
  };
  void connect();

  return {
    close: async (): Promise<void> => {
      closed = true;
      clearTimeout(timer);
      const last = client;
      client = null;
      await last?.end().catch(() => undefined);
    },
  };
}
