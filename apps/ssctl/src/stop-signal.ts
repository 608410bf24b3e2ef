/** Calls `first` with the first Ctrl-C or SIGTERM and `again` with each that follows. */
export function onStopSignal(first: () => void, again: () => void): () => void {
  let count = 0;
  const hear = (): void => {
    count += 1;
    if (count === 1) first();
    else again();
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return () => {
    process.off('SIGINT', hear);
    process.off('SIGTERM', hear);
  };
}
