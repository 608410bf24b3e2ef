import { describe, expect, it } from '@jest/globals';
import { RepeatingFetch } from './repeating-fetch.js';

const QUICK = { firstPauseMs: 1, maxPauseMs: 2 };

interface Got {
  method: string;
  key: string | null;
  body: string;
}

/** Answers what it is told to, one after the other; an Error is a network that breaks. */
function network(...answers: (Response | Error)[]): {
  got: Got[];
  fetch: (request: Request) => Promise<Response>;
} {
  const got: Got[] = [];
  return {
    got,
    fetch: async (request) => {
      const { method, headers } = request;
      got.push({ method, key: headers.get('idempotency-key'), body: await request.text() });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('nobody expected another request');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

const post = (headers: Record<string, string> = {}): Request =>
  new Request('http://ss.invalid/v1/jobs', { method: 'POST', body: '{"a":1}', headers });
const status = (code: number, headers: Record<string, string> = {}, body: string | null = null): Response =>
  new Response(body, { status: code, headers });

describe('RepeatingFetch', () => {
  it('sends a POST again under the same key and with the same body when no answer came', async () => {
    const { got, fetch } = network(new TypeError('fetch failed'), status(503), status(201));
    const answer = await new RepeatingFetch(fetch, QUICK).send(post());
    expect(answer.status).toBe(201);
    expect(got).toHaveLength(3);
    expect(got[0]!.key).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(got.map(({ key, body }) => `${String(key)} ${body}`)).size).toBe(1);
    expect(got[0]!.body).toBe('{"a":1}');
  });

  it('keeps the key that the caller chose, and makes another for each request', async () => {
    const { got, fetch } = network(status(201), status(201), status(201));
    const repeating = new RepeatingFetch(fetch, QUICK);
    await repeating.send(post({ 'idempotency-key': 'mine' }));
    await repeating.send(post());
    await repeating.send(post());
    expect(got[0]!.key).toBe('mine');
    expect(got[1]!.key).not.toBe(got[2]!.key);
  });

  it('waits for the answer to its own earlier attempt, but tells of a key that somebody else uses', async () => {
    const problem = '{"code":"IDEMPOTENCY_KEY_IN_PROGRESS"}';
    const own = network(new TypeError('fetch failed'), status(409, {}, problem), status(201));
    expect((await new RepeatingFetch(own.fetch, QUICK).send(post())).status).toBe(201);
    const other = network(status(409, {}, problem));
    expect((await new RepeatingFetch(other.fetch, QUICK).send(post())).status).toBe(409);
  });

  it.each(['PATCH', 'DELETE', 'PUT'])('sends a %s once: it could be done twice', async (method) => {
    const { got, fetch } = network(new TypeError('fetch failed'));
    const request = new Request('http://ss.invalid/v1/x', { method });
    await expect(new RepeatingFetch(fetch, QUICK).send(request)).rejects.toThrow('fetch failed');
    expect(got).toHaveLength(1);
  });

  it('tells no refusal twice, and gives the last answer when the attempts are used up', async () => {
    const refused = network(status(400));
    expect((await new RepeatingFetch(refused.fetch, QUICK).send(post())).status).toBe(400);
    const busy = network(status(429), status(429));
    expect((await new RepeatingFetch(busy.fetch, { ...QUICK, attempts: 2 }).send(post())).status).toBe(429);
    expect(busy.got).toHaveLength(2);
  });

  it('waits as long as the API asks it to, unless the caller gives up', async () => {
    const { got, fetch } = network(status(503, { 'retry-after': '30' }), status(200));
    const request = new Request('http://ss.invalid/v1/jobs', { signal: AbortSignal.timeout(50) });
    await expect(new RepeatingFetch(fetch, QUICK).send(request)).rejects.toThrow(/timeout|aborted/i);
    expect(got).toHaveLength(1);
  });
});
