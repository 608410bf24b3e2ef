import { DomainError, type Fault } from '#observability';

/** Fields of the request are wrong; every one of them is named. */
export class RequestInvalid extends DomainError {
  constructor(errors: readonly Fault[]) {
    super('INPUT_VALIDATION_FAILED', 'The request was not carried out: see errors.', {}, errors);
  }
}
