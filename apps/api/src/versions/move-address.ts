/** Writes a path of one route as a path of another that has the same parameters. What is encoded stays so. */
export function moveAddress(from: string, to: string, path: string): string {
  const given = path.split('/');
  const values = new Map<string, string>();
  for (const [place, part] of from.split('/').entries()) {
    if (part === '*') values.set(part, given.slice(place).join('/'));
    else if (part.startsWith(':')) values.set(part, given[place] ?? '');
  }
  return to
    .split('/')
    .map((part) => values.get(part) ?? part)
    .join('/');
}
