import { AwsError, type SandboxService } from '../../contracts.ts';
import { paginate } from '../../wire/pages.ts';
import { optionalCount, optionalText } from '../members.ts';
import { secretsManagerDescription } from '../secretsmanager/secretsmanager.ts';
import type { ServiceDescription } from '../service-description.ts';
import type { RedshiftDeps } from './redshift.ts';

/** The workgroups of Redshift Serverless in the seed, each with a namespace of the same name; read-only. */

type Input = Readonly<Record<string, unknown>>;

const MAX_PAGE = 100;
const CREATED_AT = new Date('2026-01-09T08:00:00Z');

export function createRedshiftServerlessService({ seed, arn, secretArn }: RedshiftDeps): SandboxService {
  const databases = seed.databases.filter(({ redshift }) => redshift === 'serverless');
  return {
    snapshot: () => ({ workgroups: databases.map(({ id }) => id).sort() }),
    operations: {
      ListWorkgroups: {
        authorize: () => [{ action: 'redshift-serverless:ListWorkgroups', resource: '*' }],
        run(input) {
          const page = pageOf(databases, input);
          return {
            workgroups: page.items.map((database, index) => ({
              workgroupId: uuid(index),
              workgroupArn: arn(`workgroup/${uuid(index)}`),
              workgroupName: database.id,
              namespaceName: database.id,
              status: 'AVAILABLE',
              endpoint: {
                address: database.host,
                port: database.port,
                vpcEndpoints: [{ vpcEndpointId: 'vpce-0a00000000000rs01', vpcId: database.vpcId }],
              },
              securityGroupIds: database.securityGroupIds,
              subnetIds: database.subnetIds,
              publiclyAccessible: false,
              creationDate: CREATED_AT.toISOString(),
            })),
            nextToken: page.next,
          };
        },
      },
      ListNamespaces: {
        authorize: () => [{ action: 'redshift-serverless:ListNamespaces', resource: '*' }],
        run(input) {
          const page = pageOf(databases, input);
          return {
            namespaces: page.items.map((database, index) => ({
              namespaceId: uuid(index),
              namespaceArn: arn(`namespace/${uuid(index)}`),
              namespaceName: database.id,
              adminUsername: database.masterUsername,
              dbName: database.databaseName,
              status: 'AVAILABLE',
              ...(database.masterSecretName === undefined
                ? {}
                : { adminPasswordSecretArn: secretArn(database.masterSecretName) }),
            })),
            nextToken: page.next,
          };
        },
      },
    },
  };
}

const uuid = (index: number): string => `4d6f2c90-7a53-4b8e-9f21-${String(index + 1).padStart(12, '0')}`;

function pageOf<T>(items: readonly T[], input: Input) {
  const size = optionalCount(input, 'maxResults') ?? MAX_PAGE;
  if (size < 1 || size > MAX_PAGE)
    throw new AwsError('ValidationException', `maxResults must be between 1 and ${MAX_PAGE}.`);
  return paginate(items, optionalText(input, 'nextToken'), size, 'InvalidPaginationException');
}

export const redshiftServerlessDescription: ServiceDescription = {
  name: 'redshift-serverless',
  title: 'Redshift Serverless',
  wire: { kind: 'json', target: 'RedshiftServerless' },
  errors: { throttling: { code: 'ThrottlingException', status: 400 }, internal: 'InternalServerException' },
  create: (context) =>
    createRedshiftServerlessService({
      seed: context.seed,
      arn: (resource) => context.arn(resource),
      secretArn: (name) => context.peer(secretsManagerDescription).arnOf(name),
    }),
};
