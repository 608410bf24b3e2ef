/**
 * Asks the program of this container whether it lives; exit code 0 when it does. An image runs the API or a worker: the
 * one that is here answers on its port, and the other has nothing to answer with.
 */
const LIMIT_MS = 4_000;

const ports = [process.env.SS_API_PORT || '3000', process.env.SS_WORKER_PORT || '3001'];
const answers = await Promise.all(
  ports.map((port) =>
    fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(LIMIT_MS) }).then(
      ({ ok }) => ok,
      () => false,
    ),
  ),
);
process.exit(answers.includes(true) ? 0 : 1);
