import { registerDecorator } from 'class-validator';

const MAX_LABELS = 32;
const MAX_NAME = 63;
const MAX_VALUE = 255;

function isLabels(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= MAX_LABELS &&
    entries.every(
      ([name, text]) =>
        name.length >= 1 &&
        name.length <= MAX_NAME &&
        !name.includes('=') &&
        typeof text === 'string' &&
        text.length <= MAX_VALUE,
    )
  );
}

/** Checks an object of short texts. */
export function IsLabels(): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: 'isLabels',
      target: target.constructor,
      propertyName: String(propertyName),
      validator: {
        validate: isLabels,
        defaultMessage: () =>
          `labels must be an object of at most ${String(MAX_LABELS)} texts; names have 1 to ${String(MAX_NAME)} ` +
          `characters and no "=", values up to ${String(MAX_VALUE)}`,
      },
    });
  };
}
