import type { Operations } from '../../contracts.ts';
import type { Fields } from '../../wire/fields.ts';
import { page } from './iam-common.ts';
import type { IamState } from './iam-state.ts';

/** Reads about the account itself. An account has at most one alias. */
export function accountOperations(state: IamState): Operations {
  return {
    ListAccountAliases: {
      authorize: () => [{ action: 'iam:ListAccountAliases', resource: '*' }],
      run: (input: Fields) => {
        const { items, tail } = page(input, state.accountAlias === undefined ? [] : [state.accountAlias]);
        return { AccountAliases: items, ...tail };
      },
    },
  };
}
