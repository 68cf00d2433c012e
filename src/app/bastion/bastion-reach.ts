import type { AwsAccount } from '../../aws/account.ts';
import type { Database } from '../../connect/ports.ts';
import { failed, noMatch } from '../../core/errors.ts';
import { hasIpv4, type NetworkChoice } from '../../provision/network/network.ts';
import type { SecurityGroup } from '../../provision/ports/network.ts';
import type { DatabaseAccess } from '../../provision/plan/spec.ts';
import type { UpRequest } from './up-request.ts';
import { databaseNotFound } from '../database/database-not-found.ts';

/**
 * The destinations that a bastion should reach: databases with the ingress rules of their security groups, and more
 * security groups for the bastion itself.
 */

export interface Reach {
  readonly databases: readonly DatabaseAccess[];
  readonly clientGroups: readonly SecurityGroup[];
}

/** Throws `database-not-found`, `database-elsewhere`, `database-ipv4-only`, `security-group-not-found`. */
export async function gatherReach(
  request: UpRequest,
  network: NetworkChoice,
  account: AwsAccount,
): Promise<Reach> {
  const asked = await askedDatabases(request, network, account);
  const carried = [...new Set(request.clientSecurityGroups)];
  const ids = [...new Set([...carried, ...asked.flatMap((database) => database.securityGroups)])];
  const groups = ids.length === 0 ? [] : await (await account.ec2()).securityGroups({ ids });
  const missing = carried.filter((id) => !groups.some((group) => group.id === id));
  if (missing.length > 0) {
    throw noMatch(
      'security-group-not-found',
      `no security group ${missing.join(', ')} in ${account.region}`,
      {
        details: { groups: missing, vpc: network.vpcId },
      },
    );
  }
  const found = asked.flatMap((database) =>
    accessOf(database, request.allowDatabases.includes(database.id), groups),
  );
  return {
    databases: distinct(found),
    clientGroups: groups.filter((group) => carried.includes(group.id)),
  };
}

/**
 * Calls RDS only when a database was named. Throws `database-not-found`, `database-elsewhere`, `database-ipv4-only`.
 */
async function askedDatabases(
  request: UpRequest,
  network: NetworkChoice,
  account: AwsAccount,
): Promise<readonly Database[]> {
  const asked = [...new Set([...request.databases, ...request.allowDatabases])];
  if (asked.length === 0) return [];
  const listed = await (await account.databases()).databases();
  const missing = asked.filter((id) => !listed.some((database) => database.id === id));
  if (missing.length > 0) throw databaseNotFound(missing, account.region, listed);
  const wanted = listed.filter((database) => asked.includes(database.id));
  const elsewhere = wanted.find((database) => database.vpcId !== network.vpcId);
  if (elsewhere !== undefined) {
    throw failed(
      'database-elsewhere',
      `database ${elsewhere.id} is in ${elsewhere.vpcId ?? 'another VPC'}, the bastion in ${network.vpcId}`,
      {
        details: { database: elsewhere.id, vpc: elsewhere.vpcId },
      },
    );
  }
  const unreachable = hasIpv4(network) ? undefined : wanted.find((database) => !database.ipv6);
  if (unreachable !== undefined) throw ipv4Only(unreachable, network);
  return wanted;
}

/** NAT64 does not help: the database would see the address of the NAT gateway, and not the bastion's security group. */
function ipv4Only({ id, kind }: Database, network: NetworkChoice): Error {
  const [other] = network.considered.filter(
    ({ subnet, wayOut }) => subnet.cidr !== undefined && wayOut !== 'none',
  );
  const where = network.subnets.map((subnet) => subnet.id).join(', ');
  return failed('database-ipv4-only', `database ${id} has IPv4 only, the bastion in ${where} has none`, {
    details: {
      database: id,
      kind: kind === 'cluster' ? kind : 'instance',
      subnets: network.subnets.map((subnet) => subnet.id),
      otherSubnet: other?.subnet.id,
    },
  });
}

function accessOf(
  database: Database,
  admit: boolean,
  groups: readonly SecurityGroup[],
): readonly DatabaseAccess[] {
  const [groupId] = database.securityGroups;
  if (groupId === undefined) return [];
  const own = groups.filter((group) => database.securityGroups.includes(group.id));
  const ingress = own.flatMap((group) => group.ingress);
  return database.endpoints.map(({ host, port }) => ({
    id: database.id,
    host,
    port,
    groupId,
    admit,
    ingress,
  }));
}

/**
 * Removes duplicates: a cluster and its instances share security group and port, so that one rule is enough for all of
 * them.
 */
function distinct(found: readonly DatabaseAccess[]): readonly DatabaseAccess[] {
  const byTarget = new Map<string, DatabaseAccess>();
  for (const access of found) {
    const key = `${access.groupId} ${access.port}`;
    const known = byTarget.get(key);
    if (known === undefined || (access.admit && !known.admit)) byTarget.set(key, access);
  }
  return [...byTarget.values()];
}
