import type { JsonSchema, Reading } from '#llm';
import { parsePlan, PLAN_VERSION, PlanInvalid, type Step } from '#plans';

/** What a model answers, checked: the steps are ones that a plan can carry. */
export interface DraftAnswer {
  text: string;
  steps: Step[];
  assumptions: string[];
  questions: { text: string; options: string[] }[];
  warnings: { message: string; severity: 'info' | 'warning' }[];
}

export const DRAFT_SCHEMA_NAME = 'draft';

const MAX_TEXT = 8_000;
const sentence: JsonSchema = { type: 'string', maxLength: 2_000 };
const short: JsonSchema = { type: 'string', maxLength: 200 };

/** The shape of an answer; what `params` may hold is the plan's business, and checked there. */
export function draftSchema(mayRunPrograms: boolean): JsonSchema {
  return object({
    text: { type: 'string', maxLength: MAX_TEXT },
    steps: {
      type: 'array',
      maxItems: 50,
      items: {
        type: 'object',
        required: ['step_id', 'type', 'params'],
        additionalProperties: false,
        properties: {
          step_id: { type: 'string', maxLength: 64 },
          type: { type: 'string', enum: ['sql', 'chart', ...(mayRunPrograms ? ['command'] : [])] },
          params: { type: 'object', properties: {}, required: [], additionalProperties: true },
          depends_on: { type: 'array', items: { type: 'string', maxLength: 64 }, maxItems: 50 },
          purpose: sentence,
        },
      },
    },
    assumptions: { type: 'array', items: sentence, maxItems: 30 },
    questions: {
      type: 'array',
      maxItems: 20,
      items: object({ text: sentence, options: { type: 'array', items: short, maxItems: 20 } }),
    },
    warnings: {
      type: 'array',
      maxItems: 30,
      items: object({ message: sentence, severity: { type: 'string', enum: ['info', 'warning'] } }),
    },
  });
}

function object(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

/** Reads a value that has the shape of the schema; the faults of its steps are those of a plan. */
export function readDraft(
  value: unknown,
  options: { datasetKeys: readonly string[]; commandProfiles: readonly string[] },
): Reading<DraftAnswer> {
  // The schema has just been checked.
  const answer = value as DraftAnswer;
  try {
    // Without the empty texts that models like to send for what is optional.
    const steps = answer.steps.map((step) => ({
      ...step,
      purpose: step.purpose?.trim() ? step.purpose : undefined,
    }));
    return {
      ok: true,
      value: { ...answer, steps: parsePlan({ plan_version: PLAN_VERSION, steps }, options).steps },
    };
  } catch (error) {
    if (!(error instanceof PlanInvalid)) throw error;
    return { ok: false, faults: error.errors };
  }
}
