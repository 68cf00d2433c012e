import type { Operations } from '../../contracts.ts';
import type { Fields } from '../../wire/fields.ts';
import { nameOf } from './iam-common.ts';
import { type IamState, noSuchEntity } from './iam-state.ts';

/** Users exist by seed and by test alone; this reads them. */
export function userOperations(state: IamState): Operations {
  const name = (input: Fields): string => nameOf(input, 'UserName', 64);
  return {
    GetUser: {
      authorize: (input) => [{ action: 'iam:GetUser', resource: state.arn(`user/${name(input)}`) }],
      run: (input) => {
        const user = state.users.get(name(input));
        if (user === undefined) throw noSuchEntity(`The user with name ${name(input)} cannot be found.`);
        return {
          User: {
            Path: '/',
            UserName: user.name,
            UserId: user.principal.userId,
            Arn: user.principal.arn,
            CreateDate: user.createdAt,
          },
        };
      },
    },
  };
}
