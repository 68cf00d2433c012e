import { AwsError, type Operations } from '../../contracts.ts';
import type { Seed, SeedDatabase } from '../../seed-shapes.ts';
import { optionalText } from '../../wire/fields.ts';
import { XmlList } from '../../wire/xml.ts';
import { check } from './rds-lists.ts';

/** The parameter groups of the databases: one for each, with the one parameter that decides whether TLS is demanded. */

interface ParameterDeps {
  readonly seed: Pick<Seed, 'databases'>;
  readonly arn: (resource: string) => string;
}

export function parameterOperations(deps: ParameterDeps): Operations {
  const operation = (action: string, type: string, name: string): Operations[string] => ({
    authorize: check(deps, action, type, name),
    run(input) {
      const group = optionalText(input, name) ?? '';
      const database = deps.seed.databases.find((each) => parameterGroupOf(each) === group);
      if (database === undefined)
        throw new AwsError('DBParameterGroupNotFound', `DBParameterGroup not found: ${group}`, 404);
      const parameter = {
        ParameterName: 'rds.force_ssl',
        ParameterValue: database.forceTls === true ? '1' : '0',
        Source: 'user',
        DataType: 'boolean',
        IsModifiable: true,
      };
      return { Parameters: new XmlList('Parameter', [parameter]) };
    },
  });
  return {
    DescribeDBParameters: operation('DescribeDBParameters', 'pg', 'DBParameterGroupName'),
    DescribeDBClusterParameters: operation(
      'DescribeDBClusterParameters',
      'cluster-pg',
      'DBClusterParameterGroupName',
    ),
  };
}

export const parameterGroupOf = ({ id }: SeedDatabase): string => `${id}-parameters`;
