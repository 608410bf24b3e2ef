import type { LogLevel } from '#observability';
import type { Program, Setting, SettingName, settings } from './settings.js';

type Settings = typeof settings;

interface ValueOf {
  port: number;
  integer: number;
  seconds: number;
  bytes: number;
  text: string;
  databaseUrl: string;
  path: string;
  logLevel: LogLevel;
  boolean: boolean;
  choice: string;
  decimal: number;
  httpUrl: string;
  day: string;
}

/** A setting without a default may be absent, which the type says; `artifactsDir` is filled in by the reader. */
type FieldValue<S extends Setting> = S extends { values: readonly (infer Choice)[] }
  ? Choice
  : S['default'] extends null
    ? S['field'] extends 'artifactsDir'
      ? string
      : ValueOf[S['kind']] | null
    : ValueOf[S['kind']];

type Reads<P extends Program, S extends Setting> = P extends S['readBy'][number] ? true : false;

/** What a program may know of its surroundings: exactly the settings that the table says it reads. */
export type Configuration<P extends Program = Program> = {
  readonly [
    N in SettingName as Reads<P, Settings[N]> extends true ? Settings[N]['field'] : never
  ]: FieldValue<Settings[N]>;
};
