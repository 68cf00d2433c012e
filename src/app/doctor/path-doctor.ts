import { awsClock } from '../aws-clock.ts';
import { isIP } from 'node:net';
import { noMatch, usage } from '../../core/errors.ts';
import { databaseFindings, isAnswering } from '../../diagnose/database.ts';
import type { Finding } from '../../diagnose/finding.ts';
import { judgePaths } from '../../diagnose/network/path.ts';
import { type PathSource, type PathTarget } from '../../diagnose/network/path-ends.ts';
import { pathFindings } from '../../diagnose/network/path-findings.ts';
import type { NetworkPath } from '../../diagnose/network/hops.ts';
import { findBastions } from '../../provision/bastion/inventory.ts';
import type { Subnet } from '../../provision/ports/network.ts';
import type { DatabaseFacts } from '../../provision/ports/diagnosis.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { Needs } from '../collaborators.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { databaseNotFound } from '../database/database-not-found.ts';
import { databaseNotJudged, listedDatabase } from './listed-database.ts';
import { Readable } from './readable.ts';
import { findSubject } from './service-doctor.ts';
import { vpcFacts } from './vpc-facts.ts';

/** Follows the network path between two places that a person names. */

export interface PathRequest {
  /** A service, `subnet-…`, `i-…`, `bastion` or `bastion/NAME`. */
  readonly from: string;
  /** `HOST:PORT`, `DATABASE[:PORT]`, or a service of AWS such as `ssmmessages`. */
  readonly to: string;
}

type PathNeeds = Needs<'account' | 'clock', 'cluster'>;

/**
 * Throws `path-end` (usage) for an end that is not understood, `path-end-not-found` and `database-not-found` (exit 3),
 * and `database-not-judged` for the id of a database that is no instance or cluster of RDS.
 */
export async function diagnosePath({ from, to }: PathRequest, deps: PathNeeds): Promise<Diagnosis> {
  const account = await deps.account();
  const readable = new Readable();
  const [source, target] = await Promise.all([
    sourceOf(from, account, deps, readable),
    targetOf({ from, to }, account, readable),
  ]);
  const paths = await followPath(source, target, account, readable);
  const findings = [
    ...target.findings(awsClock(account, deps.clock).now()),
    ...pathFindings(paths),
    ...readable.findings(),
  ];
  return diagnosisOf({ from, to }, findings, paths);
}

/**
 * The path for each address family that both ends have. Reads the networks of both ends; what the caller may not read
 * becomes a hop that is not visible.
 */
export async function followPath(
  source: PathSource,
  { target }: ResolvedTarget,
  account: AwsAccount,
  readable: Readable,
): Promise<readonly NetworkPath[]> {
  const { vpcId } = source.subnet;
  const other = target.kind === 'interface' && target.vpcId !== vpcId ? target.vpcId : undefined;
  const targetGroups = target.kind === 'interface' ? target.groupIds : [];
  const [own, there, peerings] = await Promise.all([
    vpcFacts(account, vpcId, [...(source.groupIds ?? []), ...targetGroups], readable),
    other === undefined ? undefined : vpcFacts(account, other, targetGroups, readable),
    other === undefined
      ? []
      : account.diagnosis().then((port) => readable.or('the peering connections', port.peerings(vpcId))),
  ]);
  if (own === undefined) return [];
  return judgePaths(source, target, { source: own, target: other === undefined ? own : there, peerings });
}

/**
 * Where the path begins: the id of a subnet or an instance, `bastion`, `bastion/NAME`, or a service. Throws
 * `path-end-not-found`.
 */
export async function sourceOf(
  from: string,
  account: AwsAccount,
  { settings }: PathNeeds,
  readable: Readable,
): Promise<PathSource> {
  const ec2 = await account.ec2();
  if (from.startsWith('subnet-')) {
    const [subnet] = await ec2.subnets({ ids: [from] });
    if (subnet === undefined) throw notFound(from, 'subnet');
    return { name: from, subnet, publicIp: undefined, groupIds: undefined };
  }
  const bastion = /^bastion(?:\/(.+))?$/.exec(from);
  if (bastion !== null || from.startsWith('i-')) {
    const [found] =
      bastion === null
        ? []
        : (await findBastions(ec2, bastion[1] === undefined ? {} : { name: bastion[1] })).filter(
            ({ state }) => state === 'running',
          );
    const id = bastion === null ? from : found?.instanceId;
    const [instance] = id === undefined ? [] : await ec2.instances({ ids: [id] });
    const [subnet] = instance === undefined ? [] : await ec2.subnets({ ids: [instance.subnetId] });
    if (instance === undefined || subnet === undefined) throw notFound(from, 'running bastion or instance');
    const { groupIds, privateIp = '', publicIp } = instance;
    return {
      name: found === undefined ? instance.id : `bastion ${found.name}`,
      subnet,
      address: isIP(privateIp) === 6 ? { ipv6: privateIp } : { ipv4: privateIp },
      publicIp: publicIp !== undefined,
      groupIds,
    };
  }
  const { service, task } = await findSubject(account, {
    cluster: settings.cluster,
    service: from,
    task: undefined,
    container: undefined,
  });
  const subnetId = task?.subnetId ?? service?.subnets[0];
  const [subnet] = subnetId === undefined ? [] : await ec2.subnets({ ids: [subnetId] });
  if (subnet === undefined) throw notFound(from, 'task or subnet of the service');
  const diagnosis = await account.diagnosis();
  const interfaces =
    task?.interfaceId === undefined
      ? []
      : await readable.or(
          'the public address of the task',
          diagnosis.interfaces({ ids: [task.interfaceId] }),
        );
  const [own] = interfaces ?? [];
  return {
    name: task === undefined ? `service ${from}` : `task ${task.id.slice(0, 8)}`,
    subnet,
    ...(task?.privateIp === undefined ? {} : { address: { ipv4: task.privateIp, ipv6: own?.ipv6 } }),
    publicIp: own === undefined ? service?.publicIp : own.publicIp !== undefined,
    groupIds: own?.groupIds ?? service?.securityGroups ?? [],
  };
}

export interface ResolvedTarget {
  readonly target: PathTarget;
  /** What is wrong with the target itself. */
  findings(now: number): readonly Finding[];
}

const AWS_SERVICES: ReadonlySet<string> = new Set([
  'ssmmessages',
  'ssm',
  'ec2messages',
  'ecs',
  'kms',
  'logs',
  'secretsmanager',
  'sts',
]);
const none = (): readonly Finding[] => [];

async function targetOf(
  { from, to }: PathRequest,
  account: AwsAccount,
  readable: Readable,
): Promise<ResolvedTarget> {
  const [, host = to, portText] = /^\[?(.+?)\]?:(\d+)$/.exec(to) ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  const service = host.replace(`.${account.region}.amazonaws.com`, '');
  if (AWS_SERVICES.has(service) && (port ?? 443) === 443)
    return {
      target: { kind: 'aws-service', name: `${service}.${account.region}.amazonaws.com`, service },
      findings: none,
    };
  if (isIP(host) !== 0) return addressTarget(host, portNeeded(to, port), account, readable);
  const diagnosis = await account.diagnosis();
  const database = await readable.or('the databases', diagnosis.database(host.split('.')[0] ?? host));
  if (database !== undefined && (host === database.id || host === database.host))
    return databaseTarget(database, port, account);
  const isId = !host.includes('.');
  if (isId || host.endsWith('.rds.amazonaws.com')) {
    const { facts, found, listed } = await listedDatabase(host, account);
    if (facts !== undefined) return databaseTarget(facts, port ?? found?.endpoint.port, account);
    if (isId && found !== undefined) throw databaseNotJudged(host, found, from);
    // With a port, a name without a dot can be one of Service Connect.
    if (isId && port === undefined) throw databaseNotFound([host], account.region, listed);
  }
  return { target: { kind: 'host', name: host, port: portNeeded(to, port) }, findings: none };
}

/** The interface of a database in its VPC; `port` replaces that of its endpoint. */
export async function databaseTarget(
  facts: DatabaseFacts,
  port: number | undefined,
  account: AwsAccount,
): Promise<ResolvedTarget> {
  const ec2 = await account.ec2();
  const subnets: readonly Subnet[] =
    facts.subnetIds.length === 0 ? [] : await ec2.subnets({ ids: facts.subnetIds });
  return {
    target: {
      kind: 'interface',
      name: facts.id,
      port: port ?? facts.port,
      vpcId: facts.vpcId ?? '',
      subnets,
      groupIds: facts.groupIds,
      isPublic: facts.isPublic,
      status: { value: facts.status, isReady: isAnswering(facts) },
    },
    findings: (now) => databaseFindings(facts, now),
  };
}

async function addressTarget(
  address: string,
  port: number,
  account: AwsAccount,
  readable: Readable,
): Promise<ResolvedTarget> {
  const [ec2, diagnosis] = await Promise.all([account.ec2(), account.diagnosis()]);
  const found = await readable.or('who has the address', diagnosis.interfaces({ addresses: [address] }));
  const [item] = found ?? [];
  if (item === undefined) return { target: { kind: 'host', name: address, address, port }, findings: none };
  const subnets = await ec2.subnets({ ids: [item.subnetId] });
  const { groupIds, vpcId } = item;
  return {
    target: { kind: 'interface', name: address, address, port, vpcId, subnets, groupIds, isPublic: false },
    findings: none,
  };
}

function portNeeded(to: string, port: number | undefined): number {
  if (port === undefined || port < 1 || port > 65_535)
    throw usage(
      'path-end',
      `'${to}' is no target: HOST:PORT, DATABASE, or a service of AWS such as ssmmessages`,
      {
        details: { expected: 'HOST:PORT' },
      },
    );
  return port;
}

const notFound = (text: string, kind: string): Error =>
  noMatch('path-end-not-found', `there is no ${kind} ${text}`, { details: { end: text } });
