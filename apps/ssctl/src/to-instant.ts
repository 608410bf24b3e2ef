import { InvalidArgumentError } from 'commander';

/** An instant as people write it, as the database takes it. */
export function toInstant(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('must be an instant, such as 2027-01-01T00:00:00Z');
  return date.toISOString();
}
