import type { components, operations } from './generated/v1.js';

type Problem = components['schemas']['ProblemBody'];

export type Fault = components['schemas']['FaultBody'];

type CodeOf<Answer> = Answer extends { content: { 'application/problem+json': { code?: infer Code } } }
  ? Code
  : never;
type CodesOf<Answers> = { [Status in keyof Answers]: CodeOf<Answers[Status]> }[keyof Answers];

/** Every code that the document names. A newer API may answer with others. */
export type ProblemCode =
  | NonNullable<{ [Name in keyof operations]: CodesOf<operations[Name]['responses']> }[keyof operations]>
  | (string & {});

/** A refusal, as Problem Details (RFC 9457) tell it. */
export class SsProblem extends Error {
  override readonly name = 'SsProblem';
  readonly code: ProblemCode;
  /** Names the request in the log and the audit of SS. */
  readonly requestId: string | null;
  /** Where the request is at fault. */
  readonly errors: readonly Fault[];

  private constructor(
    readonly status: number,
    /** The whole of it, with the facts that some codes tell. */
    readonly problem: Readonly<Record<string, unknown>>,
    requestId: string | null,
    /** After how many seconds to ask again, where the API said so. */
    readonly retryAfterSeconds: number | null,
  ) {
    const { code, detail, errors } = problem as Partial<Problem>;
    super(`${String(status)} ${code ?? 'without a code'}: ${detail ?? 'the answer was no problem of SS'}`);
    // Something between the client and SS may answer in its own words.
    this.code = code ?? 'HTTP_ERROR';
    this.requestId = requestId;
    this.errors = errors ?? [];
  }

  /** `body`: what was in the answer, parsed where it was JSON. */
  static of(response: Response, body: unknown): SsProblem {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    return new SsProblem(
      response.status,
      body !== null && typeof body === 'object' ? (body as Record<string, unknown>) : {},
      response.headers.get('x-ss-request-id'),
      Number.isFinite(seconds) ? seconds : null,
    );
  }

  is(code: ProblemCode): boolean {
    return this.code === code;
  }
}
