import { basename, extname } from 'node:path';

const MAX_LENGTH = 40;

/**
 * The name of a dataset's table in SQL, made of its file's name: `Palmer Penguins (2).csv` is
 * `palmer_penguins_2`. Names that are taken get a number.
 */
export function newDatasetKey(fileName: string, taken: readonly string[]): string {
  const words = basename(fileName, extname(fileName))
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, MAX_LENGTH);
  const name = /^[a-z]/.test(words) ? words : `data${words === '' ? '' : `_${words}`}`;
  let key = name;
  for (let number = 2; taken.includes(key); number++) key = `${name}_${String(number)}`;
  return key;
}
