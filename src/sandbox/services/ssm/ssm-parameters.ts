import { formatArn, parseArn } from '../../../core/arn.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import { requiredText, textList } from '../members.ts';

/** Public parameters with the ids of the Amazon Linux images, and the account's with those of its organisation. */

export interface ParameterDeps {
  readonly region: string;
  readonly accountId: string;
  /** Value of a public parameter; undefined if there is none. */
  readonly publicParameter: (name: string) => string | undefined;
}

const PUBLISHED = new Date('2026-10-01T00:00:00Z');
const MAX_NAMES = 10;

/** The ARNs of public parameters have an empty account, like those of AWS's documents. */
const parameterArn = (region: string, accountId: string, name: string): string =>
  name.startsWith('arn:')
    ? name
    : formatArn({
        service: 'ssm',
        region,
        ...(name.startsWith('/aws/') ? {} : { account: accountId }),
        resource: `parameter${name.startsWith('/') ? '' : '/'}${name}`,
      });

export function parameterOperations({ region, accountId, publicParameter }: ParameterDeps): Operations {
  const read = (identifier: string): unknown => {
    const name = parseArn(identifier)?.resource.replace(/^parameter/, '') ?? identifier;
    const value = publicParameter(name);
    if (value === undefined) return undefined;
    return {
      Name: name,
      Type: 'String',
      Value: value,
      Version: 1,
      LastModifiedDate: PUBLISHED,
      ARN: parameterArn(region, accountId, name),
      DataType: 'text',
    };
  };
  const names = (input: Readonly<Record<string, unknown>>): readonly string[] => {
    const list = textList(input, 'Names');
    if (list.length === 0 || list.length > MAX_NAMES)
      throw new AwsError('ValidationException', `Names must have between 1 and ${MAX_NAMES} items.`);
    return list;
  };
  return {
    GetParameter: {
      authorize: (input) => [
        {
          action: 'ssm:GetParameter',
          resource: parameterArn(region, accountId, requiredText(input, 'Name')),
        },
      ],
      run(input) {
        const parameter = read(requiredText(input, 'Name'));
        if (parameter === undefined) throw new AwsError('ParameterNotFound', '');
        return { Parameter: parameter };
      },
    },
    GetParameters: {
      authorize: (input) =>
        names(input).map((name) => ({
          action: 'ssm:GetParameters',
          resource: parameterArn(region, accountId, name),
        })),
      run(input) {
        const list = names(input);
        return {
          Parameters: list.flatMap((name) => read(name) ?? []),
          InvalidParameters: list.filter((name) => read(name) === undefined),
        };
      },
    },
  };
}
