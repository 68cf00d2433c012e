import {
  DescribeDomainsCommand,
  type DomainStatus,
  ListDomainNamesCommand,
  OpenSearchClient,
} from '@aws-sdk/client-opensearch';

import type { Database } from '../connect/ports.ts';
import type { ClientConfig } from './client-config.ts';
import { mapped } from './errors.ts';
import { limitConcurrency } from './throttling.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** DescribeDomains takes no more names. Source: API reference of OpenSearch Service, DescribeDomains. */
const DOMAINS_PER_CALL = 5;
const HTTPS_PORT = 443;

/** Domains with an endpoint in a VPC. Public domains need no way into a VPC, so they are left out. */
export async function searchDomains(config: ClientConfig): Promise<readonly Database[]> {
  const client = limitConcurrency(withProfileEndpoints(new OpenSearchClient(config), config));
  const { DomainNames = [] } = await mapped('es:ListDomainNames', () =>
    client.send(new ListDomainNamesCommand({})),
  );
  const names = DomainNames.flatMap(({ DomainName }) => DomainName ?? []);
  const calls = Array.from({ length: Math.ceil(names.length / DOMAINS_PER_CALL) }, (_, index) =>
    names.slice(index * DOMAINS_PER_CALL, (index + 1) * DOMAINS_PER_CALL),
  );
  const pages = await Promise.all(
    calls.map((some) =>
      mapped('es:DescribeDomains', () => client.send(new DescribeDomainsCommand({ DomainNames: some }))),
    ),
  );
  return pages
    .flatMap(({ DomainStatusList = [] }) => DomainStatusList)
    .filter(({ VPCOptions }) => VPCOptions !== undefined)
    .map(domainToDatabase)
    .toSorted((a, b) => a.id.localeCompare(b.id));
}

/** `OpenSearch_2.17`, `Elasticsearch_7.10` */
const engineOf = (version = ''): string => version.split('_')[0]?.toLowerCase() || 'opensearch';

function statusOf({ Deleted, Created, Processing }: DomainStatus): string {
  if (Deleted === true) return 'deleting';
  if (Created === false) return 'creating';
  return Processing === true ? 'processing' : 'available';
}

function domainToDatabase(domain: DomainStatus): Database {
  const host = domain.Endpoints?.['vpc'] ?? domain.Endpoint;
  return {
    id: domain.DomainName ?? '',
    arn: domain.ARN ?? '',
    service: 'opensearch',
    kind: 'domain',
    engine: engineOf(domain.EngineVersion),
    status: statusOf(domain),
    endpoints: host === undefined ? [] : [{ role: 'writer', id: undefined, host, port: HTTPS_PORT }],
    databaseName: undefined,
    masterUsername: undefined,
    vpcId: domain.VPCOptions?.VPCId,
    securityGroups: domain.VPCOptions?.SecurityGroupIds ?? [],
    iamAuthentication: false,
    publiclyAccessible: false,
    ipv6: domain.IPAddressType === 'dualstack',
    tls: domain.DomainEndpointOptions?.EnforceHTTPS === true ? 'required' : 'offered',
    resourceId: undefined,
    secretArn: undefined,
    isSharded: false,
  };
}
