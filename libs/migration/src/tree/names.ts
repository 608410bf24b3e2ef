/** A name that may be a folder of its own: the legacy rule for job and tenant ids. */
export function isSafeSegment(name: string): boolean {
  return name !== '' && !name.startsWith('~') && !/[/\\]/.test(name) && name !== '.' && name !== '..';
}

/** A job id is safe if its shard is, too: `job_..` would be looked for outside. */
export function isSafeJobId(id: string): boolean {
  return isSafeSegment(id) && isSafeSegment(shardOf(id));
}

/** Two code points of the id behind `job_`, padded with zeros. Not UTF-16 units: an emoji is one. */
export function shardOf(id: string): string {
  const stripped = id.startsWith('job_') && id.length > 4 ? id.slice(4) : id;
  return Array.from(stripped)
    .slice(0, 2)
    .join('')
    .padEnd(stripped.length < 2 ? 2 : 0, '0');
}

/** The legacy rule for paths inside a job's folder. Lax: `./a//b/` passes. */
export function isSafePath(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('~') &&
    !path.startsWith('/') &&
    !path.includes('\\') &&
    !path.split('/').includes('..')
  );
}
