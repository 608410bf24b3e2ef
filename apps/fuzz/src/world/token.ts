const TOKEN = /~~((?:their:)?[a-z_]+)~~/g;

/** Stands in a drawn request for an id that only the deployment knows: `job_id` for one of ours, `their:job_id` not. */
export function token(name: string): string {
  return `~~${name}~~`;
}

export function tokensIn(text: string): string[] {
  return [...text.matchAll(TOKEN)].map(([, name = '']) => name);
}

export function fillTokens(text: string, fill: (name: string) => string): string {
  return text.replace(TOKEN, (_, name: string) => fill(name));
}
