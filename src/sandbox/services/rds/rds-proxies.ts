import { createHash } from 'node:crypto';
import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import type { Seed, SeedDatabase, SeedDatabaseProxy } from '../../seed-shapes.ts';
import { type Fields, optionalText, requiredText } from '../../wire/fields.ts';
import { instanceHost, instanceId, isAurora } from '../../world/database-endpoints.ts';
import { identifierOf, pageOf } from './rds-lists.ts';

/** RDS Proxy: proxies, their endpoints, and the databases behind them. */

const CREATED_AT = new Date('2026-02-02T08:00:00Z');
const GROUP = 'default';

/** The ARNs of proxies end with ids that AWS generates, not with names. */
const proxyId = (kind: 'prx' | 'prx-endpoint' | 'prx-tg', name: string): string =>
  `${kind}-0${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;

export interface ProxyDeps {
  readonly seed: Seed;
  /** `arn:aws:rds:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
  /** ARN of a secret by name. */
  readonly secretArn: (name: string) => string | undefined;
}

type ProxyEndpoint = NonNullable<SeedDatabaseProxy['endpoints']>[number] & {
  readonly proxy: SeedDatabaseProxy;
};

export function proxyOperations({ seed, arn, secretArn }: ProxyDeps): Operations {
  const proxies = seed.proxies ?? [];
  const endpoints: readonly ProxyEndpoint[] = proxies.flatMap((proxy) =>
    (proxy.endpoints ?? []).map((endpoint) => ({ ...endpoint, proxy })),
  );
  const proxyArn = (name: string): string => arn(`db-proxy:${proxyId('prx', name)}`);
  const endpointArn = (name: string): string => arn(`db-proxy-endpoint:${proxyId('prx-endpoint', name)}`);
  const groupArn = (name: string): string => arn(`target-group:${proxyId('prx-tg', name)}`);
  const named = (input: Fields): string | undefined => identifierOf(optionalText(input, 'DBProxyName'));
  const existing = (name: string): SeedDatabaseProxy => {
    const proxy = proxies.find((candidate) => candidate.name === name);
    if (proxy === undefined)
      throw new AwsError('DBProxyNotFoundFault', `DB proxy ${name} doesn't exist.`, 404);
    return proxy;
  };
  const check = (action: string, resource: string): AuthorizationCheck => ({
    action: `rds:${action}`,
    resource,
  });
  /** A check on one proxy, or on all of them. */
  const onProxy = (action: string, name: string | undefined): AuthorizationCheck =>
    check(action, name === undefined ? arn('db-proxy:*') : proxyArn(name));
  return {
    DescribeDBProxies: {
      authorize: (input) => [onProxy('DescribeDBProxies', named(input))],
      run(input) {
        const name = named(input);
        const found = name === undefined ? proxies : [existing(name)];
        return pageOf(input, found, { list: 'DBProxies', item: 'member' }, (proxy) => ({
          DBProxyName: proxy.name,
          DBProxyArn: proxyArn(proxy.name),
          Status: 'available',
          EngineFamily: 'POSTGRESQL',
          VpcId: proxy.vpcId,
          VpcSecurityGroupIds: proxy.securityGroupIds,
          VpcSubnetIds: proxy.subnetIds,
          Auth: [
            {
              AuthScheme: 'SECRETS',
              SecretArn: proxy.secretName === undefined ? undefined : secretArn(proxy.secretName),
              IAMAuth: proxy.iamAuthentication,
              ClientPasswordAuthType: 'POSTGRES_SCRAM_SHA_256',
            },
          ],
          RoleArn: `arn:aws:iam::${seed.accountId}:role/${proxy.name}-proxy`,
          Endpoint: proxy.host,
          RequireTLS: proxy.requireTls,
          IdleClientTimeout: 1800,
          DebugLogging: false,
          CreatedDate: CREATED_AT,
          UpdatedDate: CREATED_AT,
        }));
      },
    },
    DescribeDBProxyEndpoints: {
      authorize(input) {
        const endpoint = identifierOf(optionalText(input, 'DBProxyEndpointName'));
        return [
          onProxy('DescribeDBProxyEndpoints', named(input)),
          ...(endpoint === undefined ? [] : [check('DescribeDBProxyEndpoints', endpointArn(endpoint))]),
        ];
      },
      run(input) {
        const proxy = named(input);
        if (proxy !== undefined) existing(proxy);
        const wanted = optionalText(input, 'DBProxyEndpointName');
        const found = endpoints
          .filter((endpoint) => proxy === undefined || endpoint.proxy.name === proxy)
          .filter((endpoint) => wanted === undefined || endpoint.name === wanted);
        if (wanted !== undefined && found.length === 0)
          throw new AwsError(
            'DBProxyEndpointNotFoundFault',
            `DB proxy endpoint ${wanted} doesn't exist.`,
            404,
          );
        return pageOf(input, found, { list: 'DBProxyEndpoints', item: 'member' }, (endpoint) => ({
          DBProxyEndpointName: endpoint.name,
          DBProxyEndpointArn: endpointArn(endpoint.name),
          DBProxyName: endpoint.proxy.name,
          Status: 'available',
          VpcId: endpoint.proxy.vpcId,
          VpcSecurityGroupIds: endpoint.proxy.securityGroupIds,
          VpcSubnetIds: endpoint.proxy.subnetIds,
          Endpoint: endpoint.host,
          CreatedDate: CREATED_AT,
          TargetRole: endpoint.role,
          IsDefault: false,
        }));
      },
    },
    DescribeDBProxyTargets: {
      authorize(input) {
        const name = identifierOf(requiredText(input, 'DBProxyName', 'InvalidParameterValue')) ?? '';
        return [
          check('DescribeDBProxyTargets', proxyArn(name)),
          check('DescribeDBProxyTargets', groupArn(name)),
        ];
      },
      run(input) {
        const proxy = existing(
          identifierOf(requiredText(input, 'DBProxyName', 'InvalidParameterValue')) ?? '',
        );
        const group = optionalText(input, 'TargetGroupName') ?? GROUP;
        if (group !== GROUP)
          throw new AwsError(
            'DBProxyTargetGroupNotFoundFault',
            `DB proxy target group ${group} doesn't exist.`,
            404,
          );
        const database = seed.databases.find(({ id }) => id === proxy.databaseId);
        const targets = database === undefined ? [] : targetsOf(database, arn);
        return pageOf(input, targets, { list: 'Targets', item: 'member' }, (target) => target);
      },
    },
  };
}

/**
 * The instances to which a proxy connects. For a cluster the list also has the cluster itself, as a tracked target
 * without a health state.
 */
function targetsOf(database: SeedDatabase, arn: (resource: string) => string): readonly Fields[] {
  const instances = [instanceId(database), ...(database.readers ?? []).map(({ id }) => id)];
  const cluster = isAurora(database) ? database.id : undefined;
  return [
    ...(cluster === undefined
      ? []
      : [
          {
            RdsResourceId: cluster,
            Port: database.port,
            Type: 'TRACKED_CLUSTER',
            TargetArn: arn(`cluster:${cluster}`),
          },
        ]),
    ...instances.map((id, index) => ({
      TargetArn: arn(`db:${id}`),
      Endpoint: instanceHost(database, id),
      TrackedClusterId: cluster,
      RdsResourceId: id,
      Port: database.port,
      Type: 'RDS_INSTANCE',
      Role: index === 0 ? 'READ_WRITE' : 'READ_ONLY',
      TargetHealth: { State: 'AVAILABLE' },
    })),
  ];
}
