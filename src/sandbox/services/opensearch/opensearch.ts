import { AwsError, type SandboxService } from '../../contracts.ts';
import type { Seed, SeedSearchDomain } from '../../seed-shapes.ts';
import { optionalText } from '../members.ts';
import type { ServiceDescription } from '../service-description.ts';

/** The OpenSearch domains of the seed, read-only. */

export interface OpenSearchDeps {
  readonly seed: Seed;
  /** `arn:aws:es:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
}

/** Source: API reference of OpenSearch Service, DescribeDomains. */
const MAX_NAMES = 5;

export function createOpenSearchService({ seed, arn }: OpenSearchDeps): SandboxService {
  const domains = seed.searchDomains ?? [];
  const arnOf = (name: string): string => arn(`domain/${name}`);
  const namesOf = (input: Readonly<Record<string, unknown>>): readonly string[] => {
    const names = input['DomainNames'];
    return Array.isArray(names) ? names.map(String) : [];
  };
  return {
    snapshot: () => ({ domains: domains.map(({ name }) => name).sort() }),
    operations: {
      ListDomainNames: {
        authorize: () => [{ action: 'es:ListDomainNames', resource: '*' }],
        run(input) {
          const type = optionalText(input, 'engineType');
          const names = domains.map(({ name, engineVersion }) => ({
            DomainName: name,
            EngineType: engineVersion.split('_')[0],
          }));
          return { DomainNames: names.filter(({ EngineType }) => type === undefined || EngineType === type) };
        },
      },
      DescribeDomains: {
        authorize: (input) =>
          namesOf(input).map((name) => ({ action: 'es:DescribeDomains', resource: arnOf(name) })),
        run(input) {
          const names = namesOf(input);
          if (names.length === 0 || names.length > MAX_NAMES)
            throw new AwsError(
              'ValidationException',
              `Please provide a maximum of ${MAX_NAMES} domain names to describe.`,
            );
          const found = domains.filter(({ name }) => names.includes(name));
          return { DomainStatusList: found.map((domain) => statusOf(domain, arnOf(domain.name), seed)) };
        },
      },
    },
  };
}

const statusOf = (domain: SeedSearchDomain, arn: string, seed: Seed) => ({
  DomainId: `${seed.accountId}/${domain.name}`,
  DomainName: domain.name,
  ARN: arn,
  Created: true,
  Deleted: false,
  Processing: false,
  EngineVersion: domain.engineVersion,
  Endpoints: { vpc: domain.host },
  IPAddressType: 'ipv4',
  VPCOptions: {
    VPCId: domain.vpcId,
    SubnetIds: domain.subnetIds,
    SecurityGroupIds: domain.securityGroupIds,
  },
  ClusterConfig: { InstanceType: 't3.small.search', InstanceCount: 1 },
  DomainEndpointOptions: { EnforceHTTPS: true, TLSSecurityPolicy: 'Policy-Min-TLS-1-2-2019-07' },
  AdvancedSecurityOptions: {
    Enabled: domain.login !== undefined,
    InternalUserDatabaseEnabled: domain.login !== undefined,
  },
});

export const openSearchDescription: ServiceDescription = {
  name: 'es',
  title: 'OpenSearch Service',
  wire: {
    kind: 'rest-json',
    routes: {
      'GET /2021-01-01/domain': 'ListDomainNames',
      'POST /2021-01-01/opensearch/domain-info': 'DescribeDomains',
    },
  },
  errors: { throttling: { code: 'ThrottlingException', status: 429 }, internal: 'InternalException' },
  create: (context) =>
    createOpenSearchService({ seed: context.seed, arn: (resource) => context.arn(resource) }),
};
