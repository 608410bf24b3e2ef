const MAX_MESSAGE_CHARS = 2_000;

/** An error as people outside may read it: the tool's words, without the host's paths, and not without end. */
export function publicText(error: unknown, secrets: ReadonlyMap<string, string> = new Map()): string {
  let text = error instanceof Error ? error.message : String(error);
  const longestFirst = [...secrets].sort(([a], [b]) => b.length - a.length);
  for (const [path, name] of longestFirst) if (path !== '') text = text.replaceAll(path, name);
  // PostgreSQL's text, where messages end up, cannot hold NUL.
  text = text.replaceAll('\0', '\ufffd').toWellFormed();
  return text.length > MAX_MESSAGE_CHARS ? `${text.slice(0, MAX_MESSAGE_CHARS - 1).toWellFormed()}…` : text;
}
