import { SsClient } from '#client';

/** The client that anyone can have; the trace of the first answer goes on, so that all that is done is one. */
export function demoClient(url: string, key: string): SsClient {
  let traceparent: string | null = null;
  return new SsClient({
    url,
    key,
    fetch: async (request) => {
      if (traceparent !== null) request.headers.set('traceparent', traceparent);
      const response = await fetch(request);
      traceparent ??= response.headers.get('traceparent');
      return response;
    },
  });
}
