import { noMatch } from '../../core/errors.ts';
import { bastionStatuses, type StatusNeeds, type StatusRequest } from '../bastion/status.ts';
import type { Needs } from '../collaborators.ts';
import type { Finding } from '../../diagnose/finding.ts';
import { stateFindings } from '../../diagnose/bastion/running.ts';
import { awsClock } from '../aws-clock.ts';
import { pathFindings } from '../../diagnose/network/path-findings.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { followPath, sourceOf } from './path-doctor.ts';
import { judgePlugin } from './plugin-finding.ts';
import { Readable } from './readable.ts';

/**
 * Finds what stops sessions through a bastion: its boot, its agent, an interruption, and the path from its interface to
 * Session Manager. Throws `no-bastion` (exit 3).
 */
export async function diagnoseBastion(
  request: StatusRequest,
  deps: StatusNeeds & Needs<'account' | 'clock' | 'env', 'cluster' | 'transport'>,
): Promise<Diagnosis> {
  const account = await deps.account();
  const readable = new Readable();
  const { bastions } = await bastionStatuses(request, deps);
  const running = bastions.find(({ instanceId }) => instanceId !== null);
  if (running === undefined || running.instanceId === null)
    throw noMatch(
      'no-bastion',
      `no bastion${request.name === undefined ? '' : ` ${request.name}`} runs in ${account.region}`,
      {
        details: { name: request.name },
      },
    );
  const source = await sourceOf(running.instanceId, account, deps, readable);
  const services = ['ssm', 'ssmmessages'];
  const paths = await Promise.all(
    services.map((service) => {
      const name = `${service}.${account.region}.amazonaws.com`;
      const target = { kind: 'aws-service', name, service } as const;
      return followPath(source, { target, findings: () => [] }, account, readable);
    }),
  );
  const [instance] = await (await account.ec2()).instances({ ids: [running.instanceId] });
  const expiresAt = running.expiresAt === null ? undefined : Date.parse(running.expiresAt);
  const { findings: ofPlugin } = await judgePlugin(deps);
  const findings = [
    ...ofPlugin,
    ...stateFindings(
      {
        name: running.name,
        instanceId: running.instanceId,
        hasProfile: instance?.hasProfile,
        expiresAt,
        leftovers: bastions.filter(({ state }) => state === 'leftovers'),
      },
      awsClock(account, deps.clock).now(),
    ),
    // The evidence belongs to the id; the compiler cannot infer that.
    ...running.findings.map(
      ({ id, severity, evidence, fixes }) => ({ id, severity, evidence, fixes }) as Finding,
    ),
    ...paths.flatMap(pathFindings),
    ...readable.findings(),
  ];
  return diagnosisOf({ bastion: running.name, instance: running.instanceId }, findings, paths.flat());
}
