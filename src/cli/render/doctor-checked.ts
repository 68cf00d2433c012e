import type { Diagnosis } from '../../app/doctor/diagnosis.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { CommandLines } from '../advice/command-lines.ts';

/** What `doctor` says where nothing blocks: what was looked at, and the command that comes next. */
export function checkedEvent(
  { findings, paths, subject }: Diagnosis,
  lines: CommandLines,
): Extract<ToolEvent, { readonly type: 'note' }> {
  const isHealthy = findings.every(({ finding }) => finding.severity === 'note');
  const { what, checked, next } = aspectsOf(subject, lines);
  const hops = paths.reduce((sum, path) => sum + path.hops.length, 0);
  const all = [...checked, ...(hops === 0 ? [] : [`${hops} network hops`])];
  const verdict = isHealthy ? 'no fault was found' : 'nothing blocks it';
  return {
    type: 'note',
    level: 'info',
    code: 'nothing-found',
    message: `${verdict}: ${what}${all.length === 0 ? '' : `; checked were ${all.join(', ')}`}`,
    ...(next === undefined ? {} : { hints: [next] }),
  };
}

interface Aspects {
  /** The subject, as one names it. */
  readonly what: string;
  /** What was looked at. */
  readonly checked: readonly string[];
  /** The command that comes next. */
  readonly next: string | undefined;
}

function aspectsOf(subject: Diagnosis['subject'], lines: CommandLines): Aspects {
  const { bastion, cluster, container, database, from, instance, service, task, to } = subject;
  if (database !== undefined) {
    const { status, port } = subject;
    return {
      what: `database ${database} (${[status, port === undefined ? undefined : `port ${port}`, ...propertiesOf(subject)].filter((text) => text !== undefined).join(', ')})${from === undefined ? '' : ` from ${from}`}`,
      checked: ['its state', 'its certificate'],
      next: lines.tool(`db ${database}`),
    };
  }
  if (bastion !== undefined)
    return {
      what: `bastion ${bastion}${instance === undefined ? '' : ` (${instance})`}`,
      checked: ['boot', 'agent', 'interruption', 'lease', 'instance profile', 'leftovers'],
      next: lines.tool('shell', { name: bastion }),
    };
  if (service !== undefined || task !== undefined)
    return {
      what: `ECS Exec into ${[
        service === undefined ? undefined : `service ${service}`,
        task === undefined ? undefined : `task ${task.slice(0, 8)}`,
        container === undefined ? undefined : `container ${container}`,
      ]
        .filter((text) => text !== undefined)
        .join(', ')} of cluster ${cluster ?? ''}`,
      checked: [
        'the task and its exec agent',
        'task role and execution role',
        'the task definition',
        'the settings of the cluster',
        'your permissions',
      ],
      next:
        task === undefined
          ? undefined
          : lines.tool(service === undefined ? 'exec' : `exec ${service}`, {
              cluster,
              ...(service === undefined ? { task } : {}),
              container,
            }),
    };
  if (to !== undefined) return { what: `from ${from ?? ''} to ${to}`, checked: [], next: undefined };
  const about = Object.entries(subject).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value}`],
  );
  return { what: about.join(', '), checked: [], next: undefined };
}

/** Facts of a database that decide how one logs in. */
const propertiesOf = ({ ca, iamLogin, tls }: Diagnosis['subject']): readonly string[] => [
  ...(iamLogin === 'on' ? ['IAM login on'] : []),
  ...(tls === undefined ? [] : [`TLS ${tls}`]),
  ...(ca === undefined ? [] : [ca]),
];
