import { expect, test } from 'vitest';
import { AwsError, type Machine } from '../../../src/sandbox/contracts.ts';
import { InstanceRegistry } from '../../../src/sandbox/services/ssm-instances.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const machine = {} as Machine;
const describeWith = (registry: InstanceRegistry, input: Record<string, unknown>): unknown =>
  registry.operations['DescribeInstanceInformation']?.run(input, {
    service: 'ssm',
    action: '',
    principal: { arn: '', userId: '', accountId: '' },
    region: '',
    requestId: '',
  });

test('are listed while registered, by id and by tag, with both kinds of filter', () => {
  const registry = new InstanceRegistry(new FakeClock());
  registry.register({
    instanceId: 'i-1',
    machine,
    privateIp: '10.0.0.9',
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
