import { AwsError } from '../contracts.ts';
import { type Fields, optionalText } from '../wire/fields.ts';

/** Client tokens: a repeated request gets the first answer; a different request with the same token is refused. */
export class Idempotency {
  readonly #answers = new Map<string, { readonly request: string; readonly answer: unknown }>();

  /**
   * Runs `work` once for each token. A request that failed may be repeated. Throws AwsError
   * `IdempotentParameterMismatch`.
   */
  once<T>(action: string, input: Fields, work: () => T): T {
    const token = optionalText(input, 'ClientToken');
    if (token === undefined) return work();
    const key = `${action}/${token}`;
    const request = JSON.stringify(input);
    const known = this.#answers.get(key);
    if (known === undefined) {
      const answer = work();
      this.#answers.set(key, { request, answer });
      return answer;
    }
    if (known.request !== request) {
      throw new AwsError(
        'IdempotentParameterMismatch',
        `The client token ${token} was used with other parameters before.`,
      );
    }
    return known.answer as T;
  }
}
