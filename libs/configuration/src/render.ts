import { ruleOf, writeBytes } from './parse-value.js';
import { settings, type Setting } from './settings.js';

const REGENERATE = 'Generated from libs/configuration/src/settings.ts by `npm run docs`.';

/** The text of `.env.example`: every setting with its default, commented out. */
export function renderEnvExample(): string {
  const blocks = rows().map(
    ([name, setting]) =>
      `# ${setting.about}\n# ${sentence(ruleOf(setting))}\n# ${name}=${defaultText(setting)}\n`,
  );
  return [`# ${REGENERATE}\n# Copy to .env and uncomment what differs.\n`, ...blocks].join('\n');
}

/** The text of `docs/configuration.md`. */
export function renderMarkdownTable(): string {
  const head =
    '# Configuration\n\n' +
    `${REGENERATE}\n\n` +
    'Each program reads its settings once, from the environment and from `.env` in the working folder (the\n' +
    'environment wins), checks all of them and names every fault at once. Unknown `SS_` names are warned of.\n\n' +
    '| setting | default | what it may be | read by | about |\n|---|---|---|---|---|\n';
  const lines = rows().map(([name, setting]) => {
    const preset = defaultText(setting);
    const cells = [
      `\`${name}\``,
      preset && `\`${preset}\``,
      ruleOf(setting),
      setting.readBy.join(', '),
      setting.about,
    ];
    return `| ${cells.join(' | ')} |\n`;
  });
  return (
    head +
    lines.join('') +
    '\n`SS_QUEUE_HEARTBEAT_SECONDS` must be less than half of `SS_QUEUE_LEASE_TTL_SECONDS`.\n' +
    '`SS_LLM_TIMEOUT_SECONDS` must be at most `SS_LLM_TOTAL_SECONDS`.\n'
  );
}

function rows(): [string, Setting][] {
  return Object.entries<Setting>(settings);
}

function defaultText(setting: Setting): string {
  if (setting.default === null) return '';
  if (setting.kind === 'bytes') return writeBytes(setting.default);
  return String(setting.default);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
