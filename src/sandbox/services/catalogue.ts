import { ec2Description } from './ec2/ec2.ts';
import { ecsDescription } from './ecs/ecs.ts';
import { iamDescription } from './iam/iam.ts';
import { kmsDescription } from './kms/kms.ts';
import { rdsDescription } from './rds/rds.ts';
import type { ServiceDescription } from './service-description.ts';
import { ssmDescription } from './ssm/ssm.ts';
import { stsDescription } from './sts/sts.ts';

/** Every service of the sandbox. */
export const SERVICES: readonly ServiceDescription[] = [
  ec2Description,
  ecsDescription,
  iamDescription,
  kmsDescription,
  rdsDescription,
  ssmDescription,
  stsDescription,
];
