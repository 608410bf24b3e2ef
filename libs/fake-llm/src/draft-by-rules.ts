import { type DatasetProfile, type DraftRequest, type PromptData, RulesDrafter } from '#drafting';
import type { ChatRequest } from './chat-request.js';

const rules = new RulesDrafter();
const PART = (name: string): RegExp => new RegExp(`<${name}>\\n(.*)\\n</${name}>`);

/** A good answer to a question for a draft, written by the built-in rules: what a careful model might say. */
export async function draftByRules(chat: ChatRequest): Promise<string> {
  const request = requestIn(chat);
  if (!request) return JSON.stringify({ error: 'I see no requirement and no data.' });
  const proposal = await rules.draft(request, new AbortController().signal);
  return JSON.stringify({
    text: `${proposal.text}\n\n(The local stand-in for a language model wrote this by rules.)`,
    steps: proposal.steps,
    assumptions: proposal.assumptions.map(({ text }) => text),
    questions: proposal.questions.map(({ text, options }) => ({
      text,
      options: options.map(({ label }) => label),
    })),
    warnings: proposal.warnings.map(({ message, severity }) => ({ message, severity })),
  });
}

/** Finds requirement and data again in a prompt of SS; null when it is none. */
function requestIn({ messages }: ChatRequest): DraftRequest | null {
  const text = messages.find(({ role }) => role === 'user')?.content ?? '';
  const requirement = PART('requirement').exec(text)?.[1];
  const data = PART('data').exec(text)?.[1];
  if (requirement === undefined || data === undefined) return null;
  // The prompt of SS is the only one that this server understands.
  const { datasets } = JSON.parse(data) as PromptData;
  return {
    requirement: String(JSON.parse(requirement)),
    datasets: datasets.map((dataset): DatasetProfile => ({
      datasetKey: dataset.table,
      role: dataset.role,
      originalName: dataset.file,
      rowCount: dataset.rows,
      columns: dataset.columns.map((column) => ({ min: null, max: null, ...column })),
    })),
  };
}
