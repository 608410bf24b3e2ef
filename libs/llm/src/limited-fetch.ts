/** The provider sent more than an answer may have. */
export class AnswerTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`the answer has more than ${String(maxBytes)} bytes`);
    this.name = 'AnswerTooLarge';
  }
}

/**
 * `fetch` that reads no more than so many bytes of a body, unpacked ones: the client library would read all there is
 * into memory before anyone could look.
 */
export function limitedFetch(maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.body === null) return response;
    let bytes = 0;
    const counting = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) controller.error(new AnswerTooLarge(maxBytes));
        else controller.enqueue(chunk);
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counting), { status, statusText, headers });
  };
}
