import { describe, expect, it } from 'vitest';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';

const seed = defaultSeed();
const ids = <T extends { readonly id: string }>(items: readonly T[]): Set<string> =>
  new Set(items.map((item) => item.id));

describe('the seed refers only to resources that it contains', () => {
  const vpcs = ids(seed.vpcs);
  const subnets = ids(seed.subnets);
  const groups = ids(seed.securityGroups);

  it('in the network', () => {
    for (const item of [...seed.subnets, ...seed.securityGroups, ...seed.endpoints, ...seed.databases])
      expect(vpcs).toContain(item.vpcId);
    for (const group of seed.securityGroups)
      for (const rule of [...group.ingress, ...group.egress])
        if (rule.groupId !== undefined) expect(groups).toContain(rule.groupId);
    for (const item of [...seed.endpoints, ...seed.databases]) {
      for (const subnet of item.subnetIds) expect(subnets).toContain(subnet);
      for (const group of item.securityGroupIds) expect(groups).toContain(group);
    }
  });

  it('in services and tasks', () => {
    const clusters = new Set(seed.clusters.map((cluster) => cluster.name));
    const definitions = new Set(seed.taskDefinitions.map((item) => `${item.family}:${item.revision}`));
    const roles = new Set(
      seed.roles.map((role) => `arn:aws:iam::${seed.accountId}:role${role.path}${role.name}`),
    );
    for (const service of seed.services) {
      expect(clusters).toContain(service.cluster);
      expect(definitions).toContain(service.taskDefinition);
      for (const subnet of service.subnets) expect(subnets).toContain(subnet);
      for (const group of service.securityGroups) expect(groups).toContain(group);
      for (const task of service.tasks) expect(service.subnets).toContain(task.subnetId);
    }
    for (const definition of seed.taskDefinitions) {
      expect(roles).toContain(definition.executionRoleArn);
      if (definition.taskRoleArn !== undefined) expect(roles).toContain(definition.taskRoleArn);
    }
  });

  it('and every task, runtime id and address is unique', () => {
    const tasks = seed.services.flatMap((service) => service.tasks);
    const runtimes = tasks.flatMap((task) => task.containers.flatMap((item) => item.runtimeId ?? []));
    const addresses = [
      ...tasks.map((task) => task.privateIp),
      ...seed.databases.map((item) => item.privateIp),
    ];
    for (const list of [tasks.map((task) => task.id), runtimes, addresses])
      expect(new Set(list).size).toBe(list.length);
    for (const task of tasks) expect(task.id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the seed has', () => {
  it('each state of exec readiness in the demo cluster', () => {
    const state = (name: string): unknown => {
      const service = seed.services.find((item) => item.cluster === 'demo' && item.name === name);
      const tasks = service?.tasks.filter((task) => task.stopped === undefined);
      return [service?.execEnabled, tasks?.map((task) => task.containers.map((item) => item.agent))];
    };
    expect(state('orders-api')).toEqual([true, Array(2).fill(Array(3).fill('RUNNING'))]);
    expect(state('legacy-admin')).toEqual([false, [[undefined]]]);
    expect(state('search-indexer')).toEqual([true, [['STOPPED']]]);
    expect(state('nightly-reports')).toEqual([true, []]);
    expect(state('payments-api')).toEqual([true, [['PENDING', 'PENDING']]]);
  });
});
