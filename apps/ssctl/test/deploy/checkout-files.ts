import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export const CHECKOUT = resolve(import.meta.dirname, '../../../..');

export function textOf(path: string): string {
  return readFileSync(join(CHECKOUT, path), 'utf8');
}

/** A YAML file with one document. Throws for one that cannot be read, or says the same thing twice. */
export function documentOf(path: string): unknown {
  return parse(textOf(path), { merge: true });
}

/** The documents of all YAML files in a folder, with the file that each is in. */
export function documentsIn(folder: string): { file: string; document: unknown }[] {
  const files = readdirSync(join(CHECKOUT, folder)).filter((name) => /[.]ya?ml$/.test(name));
  return files.flatMap((file) =>
    parseAllDocuments(textOf(join(folder, file))).map((parsed) => {
      const [fault] = [...parsed.errors, ...parsed.warnings];
      if (fault) throw new Error(`${folder}/${file}: ${fault.message}`);
      return { file, document: parsed.toJS() as unknown };
    }),
  );
}
