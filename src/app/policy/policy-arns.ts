import type { Settings } from '../../config/settings.ts';
import { usage } from '../../core/errors.ts';
import { parseArn } from '../../core/arn.ts';
import { localIds, type PlaceInUse, refuseElsewhere, refuseForeignEcsArns } from '../arn-scope.ts';
import type { Location, PolicyRequest } from './policy-request.ts';

/**
 * The values of `policy` become parts of ARNs in the document, which are made for one account and region. An ARN as a
 * value must therefore be of that place, and is replaced by the id in it.
 */

/** What the flags expect that take a name only. */
const EXPECTED = {
  '--account': 'an account id of twelve digits',
  '--container': 'the name of a container',
  '--db-resource': 'the DbiResourceId or DbClusterResourceId: db-… or cluster-…',
  '--db-user': 'the name of a database user',
  '--document': 'the name of a session document',
  '--image': 'an AMI id, or the name of an SSM parameter',
  '--image-owner': 'an account id of twelve digits',
  '--log-bucket': 'the name of a bucket',
  '--log-group': 'the name of a log group: /ecs/orders',
  '--name': 'the name of a bastion',
  '--role': 'the name of the role or instance profile, without its path',
  '--vpc-owner': 'an account id of twelve digits',
} as const;

/**
 * The request with ids in place of ARNs. Throws usage `arn-elsewhere` or `arn-kind` for an ARN of another place or kind,
 * cluster, service and task of the settings included; `invalid-argument` for an ARN where only a name is possible.
 */
export async function withIdsForArns(
  request: PolicyRequest,
  settings: Pick<Settings, 'cluster' | 'container' | 'service' | 'task'>,
  location: Location,
): Promise<PolicyRequest> {
  refuseArnsAsNames(request, settings);
  const place = placeOfDocument(location);
  await refuseForeignEcsArns(settings, place);
  const { values } = request;
  await refuseElsewhere(sharedArns(values), placeOfDocument({ ...location, account: undefined }));
  const idOf = async (
    kind: Parameters<typeof localIds>[0],
    value: string | undefined,
    of: PlaceInUse = place,
  ): Promise<string | undefined> =>
    value === undefined ? undefined : (await localIds(kind, [value], of))[0];
  const ofVpc = placeOfDocument({ ...location, account: values['vpc-owner'] ?? location.account });
  return {
    ...request,
    database: await idOf('db', request.database),
    values: {
      ...values,
      vpc: await idOf('vpc', values['vpc'], ofVpc),
      subnet: await idOf('subnet', values['subnet'], ofVpc),
      'client-security-group': await idOf('client-security-group', values['client-security-group']),
      'database-security-group': await idOf('db-security-group', values['database-security-group']),
    },
  };
}

/**
 * Keys and secrets may belong to another account, which shares them by a policy of their own; their region is always
 * that of the calls that use them.
 */
const sharedArns = (values: PolicyRequest['values']): Parameters<typeof refuseElsewhere>[0] =>
  (
    [
      ['session-key', 'KMS key'],
      ['volume-key', 'KMS key'],
      ['secret-key', 'KMS key'],
      ['database-secret', 'secret'],
    ] as const
  ).flatMap(([name, kind]) => {
    const value = values[name];
    const arn = typeof value === 'string' ? parseArn(value) : undefined;
    return typeof value !== 'string' || arn === undefined ? [] : [{ kind, value, arn }];
  });

/** A VPC of another account needs `--vpc-owner`, because the document names the owner. */
const placeOfDocument = ({ account, region, partition }: Location): PlaceInUse => ({
  region,
  caller: () => Promise.resolve({ accountId: account, partition }),
  usedBy: 'document',
  acceptsShared: false,
});

function refuseArnsAsNames(request: PolicyRequest, { container }: Pick<Settings, 'container'>): void {
  const { account, images, name, values } = request;
  const named: Readonly<Record<keyof typeof EXPECTED, readonly (string | undefined)[]>> = {
    '--account': [account],
    '--container': [container],
    '--db-resource': [values['database-resource']],
    '--db-user': [values['database-user']],
    '--document': [values['session-document']],
    '--image': images,
    '--image-owner': [values['image-owner']],
    '--log-bucket': [values['log-bucket']],
    '--log-group': [values['log-group']],
    '--name': [name],
    '--role': [values['role']],
    '--vpc-owner': [values['vpc-owner']],
  };
  for (const [flag, expected] of Object.entries(EXPECTED)) {
    const arn = named[flag as keyof typeof EXPECTED].find((value) => value?.startsWith('arn:'));
    if (arn !== undefined)
      throw usage('invalid-argument', `${flag} takes a name, and ${arn} is an ARN`, {
        details: { expected: `${flag} takes ${expected}` },
      });
  }
}
