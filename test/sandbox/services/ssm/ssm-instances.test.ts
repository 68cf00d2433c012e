import { expect, test } from 'vitest';
import { AwsError, type Machine } from '../../../../src/sandbox/contracts.ts';
import type { Sessions } from '../../../../src/sandbox/gateway/session-plan.ts';
import { InstanceRegistry } from '../../../../src/sandbox/services/ssm/ssm-instances.ts';
import { createSsmService } from '../../../../src/sandbox/services/ssm/ssm.ts';
import { defaultSeed } from '../../../../src/sandbox/world/seed.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const machine = {} as Machine;
const describeWith = (registry: InstanceRegistry, input: Record<string, unknown>): unknown =>
  registry.operations['DescribeInstanceInformation']?.run(input, {
    service: 'ssm',
    action: '',
    principal: { arn: '', userId: '', accountId: '' },
    region: '',
    requestId: '',
  });

test('instances are listed while registered, by id and by tag, with both kinds of filter', () => {
  const registry = new InstanceRegistry(new FakeClock());
  registry.register({
    instanceId: 'i-1',
    machine,
    privateIp: '10.0.0.9',
    hasControlChannel: true,
    roleName: 'bastion',
    tags: () => ({ name: 'one' }),
  });
  const online = {
    InstanceInformationList: [{ InstanceId: 'i-1', PingStatus: 'Online', IPAddress: '10.0.0.9' }],
  };
  expect(describeWith(registry, {})).toMatchObject(online);
  expect(describeWith(registry, { Filters: [{ Key: 'InstanceIds', Values: ['i-1'] }] })).toMatchObject(
    online,
  );
  expect(describeWith(registry, { Filters: [{ Key: 'tag:name', Values: ['two'] }] })).toMatchObject({
    InstanceInformationList: [],
  });
  expect(
    describeWith(registry, {
      InstanceInformationFilterList: [{ key: 'PingStatus', valueSet: ['Online'] }],
    }),
  ).toMatchObject(online);
  expect(() => describeWith(registry, { Filters: [{ Key: 'Colour', Values: ['red'] }] })).toThrow(AwsError);
  expect(() => describeWith(registry, { MaxResults: 4 })).toThrow(AwsError);
  expect([registry.deregister('i-1'), registry.deregister('i-1')]).toEqual([true, false]);
  expect(describeWith(registry, {})).toMatchObject({ InstanceInformationList: [] });
});

test('the sessions of an instance end when it deregisters', () => {
  const ended: string[] = [];
  const sessions: Sessions = {
    open: () => ({ sessionId: '', streamUrl: '', tokenValue: '' }),
    resume: () => undefined,
    terminate: () => false,
    endTarget: (target) => ended.push(target),
    find: () => undefined,
    records: () => [],
  };
  const ssm = createSsmService({
    seed: defaultSeed(),
    clock: new FakeClock(),
    randomBytes: (length) => new Uint8Array(length),
    sessions,
    findTask: () => undefined,
    publicParameter: () => undefined,
  });
  ssm.registerInstance({
    instanceId: 'i-1',
    machine,
    privateIp: '10.0.0.9',
    hasControlChannel: true,
    roleName: 'bastion',
    tags: () => ({}),
  });
  ssm.deregisterInstance('i-2');
  ssm.deregisterInstance('i-1');
  ssm.deregisterInstance('i-1');
  expect(ended).toEqual(['i-1']);
});
