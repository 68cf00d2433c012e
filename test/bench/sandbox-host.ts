import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { HostReply, HostRequest, HostStart } from './sandbox-process.ts';

/**
 * Runs the sandbox in a process of its own, so that its cost is not measured with the client; it is controlled by IPC
 * messages.
 */

const { agentPace } = JSON.parse(process.argv[2] ?? '{}') as HostStart;
const sandbox = await startSandbox({
  agentPace,
});

const answer = (reply: HostReply): void => void process.send?.(reply);

process.on('message', (request: HostRequest) => {
  switch (request.type) {
    case 'listen':
      sandbox.listen(request.privateIp, request.port, request.loopbackPort);
      answer({ type: 'done', at: Date.now() });
      return;
    case 'add-host':
      sandbox.addHost({
        privateIp: request.privateIp,
        names: [request.name],
        ports: { [request.port]: request.loopbackPort },
      });
      answer({ type: 'done', at: Date.now() });
      return;
    case 'faults':
      sandbox.faults.sessions.set(...request.specs);
      answer({ type: 'done', at: Date.now() });
      return;
    case 'repeated-input':
      answer({ type: 'repeated-input', count: sandbox.sessionTraffic().repeatedInput });
      return;
    case 'snapshot':
      answer({ type: 'snapshot', text: sandbox.snapshot() });
      return;
    default:
      request satisfies never;
  }
});
process.on('disconnect', () => {
  void sandbox.close().finally(() => process.exit(0));
});

answer({ type: 'ready', endpoint: sandbox.endpoint, env: sandbox.env });
