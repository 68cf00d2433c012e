import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { VpcNetwork } from '../../../src/sandbox/world/vpc-network.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const bastion = { privateIp: '10.0.1.7', securityGroupIds: ['sg-bastion'] };

function network(): { readonly net: VpcNetwork; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const net = new VpcNetwork({
    vpcs: [{ id: 'vpc-1', cidr: '10.0.0.0/16', isDefault: false, tags: [] }],
    region: 'eu-west-1',
    policy: {
      allows: (from, to) => from.securityGroupIds.some((id) => to.securityGroupIds.includes(`from-${id}`)),
    },
    clock,
    blockedTimeoutMs: 1500,
  });
  return { net, clock };
}

async function echoPort(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

describe('the resolver of a VPC', () => {
  const { net } = network();
  net.attach({
    privateIp: '10.0.2.9',
    securityGroupIds: [],
    names: ['Orders.demo.local'],
    listeners: new Map(),
  });
  net.attach({
    privateIp: '10.0.3.9',
    securityGroupIds: [],
    names: ['orders.demo.local'],
    listeners: new Map(),
  });

  it.each<[string, readonly string[]]>([
    ['orders.demo.LOCAL', ['10.0.2.9', '10.0.3.9']],
    ['orders.demo.local.', ['10.0.2.9', '10.0.3.9']],
    ['ip-10-0-2-9.eu-west-1.compute.internal', ['10.0.2.9']],
    ['localhost', ['127.0.0.1']],
    ['10.0.77.1', ['10.0.77.1']],
    ['::ffff:10.0.2.9', ['10.0.2.9']],
  ])('resolves %s', (host, addresses) => {
    expect(net.resolve(host, bastion)).toEqual(addresses);
  });

  it('names the DNS server in the error for an unknown name', () => {
    expect(() => net.resolve('nosuch.invalid', bastion)).toThrow(
      expect.objectContaining({
        kind: 'name-not-found',
        message: 'lookup nosuch.invalid on 10.0.0.2:53: no such host',
      }),
    );
  });

  it.each(['169.254.169.254', 'fd00:ec2::254', '10.0.0.0', '10.0.0.2', '10.0.0.3', '10.0.255.255'])(
    'rejects the reserved address %s',
    (host) => {
      expect(() => net.resolve(host, bastion)).toThrow(
        expect.objectContaining({
          kind: 'forbidden',
          message: `Forwarding to IP address ${host} is forbidden.`,
        }),
      );
    },
  );

  it.each(['10.0.0.4', '10.0.255.254', '169.254.170.2'])('accepts %s', (host) => {
    expect(net.resolve(host, bastion)).toEqual([host]);
  });

  it('removes a name with the last interface that has it', () => {
    const { net: other } = network();
    const detach = other.attach({
      privateIp: '10.0.9.9',
      securityGroupIds: [],
      names: ['gone'],
      listeners: new Map(),
    });
    detach();
    expect(() => other.resolve('gone', bastion)).toThrow(expect.objectContaining({ kind: 'name-not-found' }));
  });
});

describe('a connection', () => {
  it('reaches a listening port if the security groups allow it', async () => {
    const { net } = network();
    const echo = await echoPort();
    net.attach({
      privateIp: '10.0.2.9',
      securityGroupIds: ['from-sg-bastion'],
      names: ['db'],
      listeners: new Map([[5432, () => Promise.resolve(echo.port)]]),
    });
    const socket = await net.connect('db', 5432, bastion);
    socket.end('ping');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toBe('ping');
    await expect(net.connect('db', 5433, bastion)).rejects.toMatchObject({
      kind: 'refused',
      message: 'dial tcp 10.0.2.9:5433: connect: connection refused',
    });
    echo.close();
  });

  it.each([
    ['to an interface whose group does not admit it', '10.0.2.9'],
    ['to an address that no interface has', '10.0.44.4'],
  ])('%s gets no answer and then times out', async (_, host) => {
    const { net, clock } = network();
    net.attach({ privateIp: '10.0.2.9', securityGroupIds: ['other'], names: [], listeners: new Map() });
    let settled = false;
    const attempt = net.connect(host, 5432, bastion).finally(() => (settled = true));
    attempt.catch(() => undefined);
    await clock.advance(1499);
    expect(settled).toBe(false);
    await clock.advance(1);
    await expect(attempt).rejects.toMatchObject({ kind: 'timed-out' });
  });

  it('tries every address of a name', async () => {
    const { net, clock } = network();
    const echo = await echoPort();
    const listeners = new Map([[80, () => Promise.resolve(echo.port)]]);
    net.attach({ privateIp: '10.0.2.9', securityGroupIds: ['other'], names: ['two'], listeners });
    net.attach({ privateIp: '10.0.3.9', securityGroupIds: ['from-sg-bastion'], names: ['two'], listeners });
    const socket = await clock.run(net.connect('two', 80, bastion));
    socket.destroy();
    echo.close();
  });

  it('to localhost stays on the machine and ignores security groups', async () => {
    const { net } = network();
    const echo = await echoPort();
    net.attach({
      privateIp: bastion.privateIp,
      securityGroupIds: [],
      names: [],
      listeners: new Map([[8080, () => Promise.resolve(echo.port)]]),
    });
    for (const host of ['localhost', '127.0.0.1', '10.0.1.7']) {
      const socket = await net.connect(host, 8080, bastion);
      socket.destroy();
    }
    await expect(net.connect('localhost', 22, bastion)).rejects.toMatchObject({ kind: 'refused' });
    echo.close();
  });

  it('can be answered by a program that was started for it', async () => {
    const { net } = network();
    const echo = await echoPort();
    const end = net.listen(bastion.privateIp, 9000, echo.port);
    (await net.connect('localhost', 9000, bastion)).destroy();
    end();
    await expect(net.connect('localhost', 9000, bastion)).rejects.toMatchObject({ kind: 'refused' });
    echo.close();
  });

  it('that waits for an answer ends when the network is closed', async () => {
    const { net } = network();
    const attempt = net.connect('10.0.44.4', 80, bastion);
    net.close();
    await expect(attempt).rejects.toMatchObject({ kind: 'timed-out' });
  });
});
