import { ec2Description } from './ec2/ec2.ts';
import { ecsDescription } from './ecs/ecs.ts';
import { elastiCacheDescription } from './elasticache/elasticache.ts';
import { iamDescription } from './iam/iam.ts';
import { kmsDescription } from './kms/kms.ts';
import { logsDescription } from './logs/logs.ts';
import { memoryDbDescription } from './memorydb/memorydb.ts';
import { openSearchDescription } from './opensearch/opensearch.ts';
import { rdsDescription } from './rds/rds.ts';
import { redshiftDescription } from './redshift/redshift.ts';
import { redshiftServerlessDescription } from './redshift/redshift-serverless.ts';
import { secretsManagerDescription } from './secretsmanager/secretsmanager.ts';
import type { ServiceDescription } from './service-description.ts';
import { ssmDescription } from './ssm/ssm.ts';
import { stsDescription } from './sts/sts.ts';

/** Every service of the sandbox. */
export const SERVICES: readonly ServiceDescription[] = [
  ec2Description,
  ecsDescription,
  elastiCacheDescription,
  iamDescription,
  kmsDescription,
  logsDescription,
  memoryDbDescription,
  openSearchDescription,
  rdsDescription,
  redshiftDescription,
  redshiftServerlessDescription,
  secretsManagerDescription,
  ssmDescription,
  stsDescription,
];
