import { parseArn } from '../../core/arn.ts';
import { usage } from '../../core/errors.ts';

/** How a KMS key is named on the command line. */

const KEY_ID = /^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const ALIAS = /^alias\/[\w/-]+$/;
const RESOURCE = /^(?:key|alias)\/./;

const EXPECTED = 'an ARN (arn:aws:kms:REGION:ACCOUNT:key/ID), a key id, or alias/NAME';
const EXPECTED_ARN = 'the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID';

/** What EC2 takes as a key: ARN, key id, or alias. The key may be another account's. Throws `kms-key` (usage). */
export function parseKey(flag: string, value: string): string {
  const arn = parseArn(value);
  const valid =
    arn === undefined
      ? KEY_ID.test(value) || ALIAS.test(value)
      : arn.service === 'kms' && RESOURCE.test(arn.resource);
  if (valid) return value;
  throw notAKey(flag, value, EXPECTED);
}

/** For policy documents, in which IAM compares the ARN of the key, and neither id nor alias. Throws `kms-key` (usage). */
export function parseKeyArn(flag: string, value: string): string {
  const arn = parseArn(value);
  if (arn?.service === 'kms' && /^key\/./.test(arn.resource)) return value;
  throw notAKey(flag, value, EXPECTED_ARN);
}

/** EBS and ECS use keys of their own region only. Throws `arn-elsewhere` (usage). */
export function checkKeyRegion(flag: string, value: string | undefined, region: string): void {
  const arn = parseArn(value ?? '');
  if (arn === undefined || arn.region === region) return;
  throw usage(
    'arn-elsewhere',
    `${flag} ${value ?? ''} is in ${arn.region}; the credentials are used in ${region}`,
    {
      details: { arn: value ?? '', arnRegion: arn.region, arnAccount: arn.account, region },
    },
  );
}

const notAKey = (flag: string, value: string, expected: string): Error =>
  usage('kms-key', `${flag} ${JSON.stringify(value)} names no KMS key in this form`, {
    details: { flag, value, expected },
  });
