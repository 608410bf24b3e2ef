import { InvalidArgumentError } from 'commander';

/** A text that says something, a reason for one. */
export function notBlank(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('must not be blank');
  return text;
}
