import { nameOfArn } from '../../../core/arn.ts';
import { type ApiCall, AwsError, type Operations } from '../../contracts.ts';
import { type Fields, optionalText } from '../../wire/fields.ts';
import { nameOf } from './iam-common.ts';
import { type IamState, noSuchEntity } from './iam-state.ts';

/** The read operations on users. Only the seed and tests create users. */
export function userOperations(state: IamState): Operations {
  /** Without a name, the user who calls; the session of a role is not a user. */
  const name = (input: Fields, { principal }: ApiCall): string => {
    if (optionalText(input, 'UserName') !== undefined) return nameOf(input, 'UserName', 64);
    if (principal.roleName !== undefined)
      throw new AwsError('ValidationError', 'Must specify userName when calling with non-User credentials');
    return nameOfArn(principal.arn);
  };
  return {
    GetUser: {
      authorize: (input, call) => [
        { action: 'iam:GetUser', resource: state.arn(`user/${name(input, call)}`) },
      ],
      run: (input, call) => {
        const user = state.users.get(name(input, call));
        if (user === undefined)
          throw noSuchEntity(`The user with name ${name(input, call)} cannot be found.`);
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
