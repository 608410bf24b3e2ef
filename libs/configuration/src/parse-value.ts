import { LOG_LEVELS } from '#observability';
import type { Setting } from './settings.js';

export type Value = string | number | boolean;

/** Says what is allowed; used in refusals ("must be …") and in the docs, so that both agree. */
export function ruleOf(setting: Setting): string {
  switch (setting.kind) {
    case 'port':
      return 'a port, 0 to 65535';
    case 'integer':
      return `a whole number, ${range(setting)}`;
    case 'seconds':
      return `seconds, a whole number, ${range(setting)}`;
    case 'bytes':
      return `bytes, a whole number with an optional KiB, MiB or GiB, ${range(setting)}`;
    case 'text':
      return 'text on one line';
    case 'databaseUrl':
      return 'a URL that starts with postgres:// or postgresql://';
    case 'path':
      return 'a path';
    case 'logLevel':
      return `one of ${LOG_LEVELS.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${setting.values.join(', ')}`;
    case 'decimal':
      return `a number, ${range(setting)}`;
    case 'httpUrl':
      return 'a URL that starts with http:// or https://';
    case 'day':
      return 'a day, 2027-06-30 say';
  }
}

/** The value, or null when the text breaks the rule of the setting. */
export function tryParseValue(setting: Setting, text: string): Value | null {
  switch (setting.kind) {
    case 'port':
      return whole(text, 0, 65_535);
    case 'integer':
    case 'seconds':
      return whole(text, setting.min, setting.max);
    case 'bytes':
      return bytes(text, setting.min, setting.max);
    case 'text':
    case 'path':
      return isOneLine(text) ? text : null;
    case 'databaseUrl':
      return isUrl(text, ['postgres:', 'postgresql:']) ? text : null;
    case 'logLevel':
      return LOG_LEVELS.find((level) => level === text) ?? null;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : null;
    case 'choice':
      return setting.values.find((value) => value === text) ?? null;
    case 'decimal':
      return decimal(text, setting.min, setting.max);
    case 'httpUrl':
      return isUrl(text, ['http:', 'https:']) ? text : null;
    case 'day':
      return isDay(text) ? text : null;
  }
}

const UNITS = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** A number of bytes as people write it: 1073741824 is 1 GiB. */
export function writeBytes(count: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (count > 0 && count % UNITS[unit] === 0) return `${count / UNITS[unit]} ${unit}`;
  }
  return String(count);
}

function range(setting: { kind: string; min: number; max: number }): string {
  const write = setting.kind === 'bytes' ? writeBytes : String;
  return `${write(setting.min)} to ${write(setting.max)}`;
}

function whole(text: string, min: number, max: number): number | null {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : null;
}

function bytes(text: string, min: number, max: number): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,15})\s*(KiB|MiB|GiB)?$/.exec(text) ?? [];
  if (digits === '') return null;
  const value = Number(digits) * UNITS[unit as keyof typeof UNITS]; // the pattern admits these units only
  return value >= min && value <= max ? value : null;
}

function decimal(text: string, min: number, max: number): number | null {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : null;
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  // Without the second look, the 31st of June would be the 1st of July.
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function isOneLine(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  return !/[\u0000-\u001f\u007f]/.test(text);
}
