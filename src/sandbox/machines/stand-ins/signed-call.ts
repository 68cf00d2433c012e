import { createHash, createHmac } from 'node:crypto';

/** Thrown when the answer is an AWS error. */
export class AwsCallError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'AwsCallError';
    this.code = code;
  }
}

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/**
 * Calls a JSON service of the sandbox (AWS JSON 1.1) with the credentials, region and `AWS_ENDPOINT_URL` of an
 * environment; the call is signed with Signature Version 4. Throws AwsCallError.
 */
export async function callAws(
  env: Readonly<Record<string, string>>,
  now: number,
  operation: { readonly service: string; readonly target: string; readonly input: unknown },
): Promise<Readonly<Record<string, unknown>>> {
  const endpoint = new URL(env['AWS_ENDPOINT_URL'] ?? 'http://127.0.0.1:0');
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? '';
  const body = JSON.stringify(operation.input);
  const timestamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const token = env['AWS_SESSION_TOKEN'];
  const signed: readonly (readonly [string, string])[] = [
    ['content-type', 'application/x-amz-json-1.1'],
    ['host', endpoint.host],
    ['x-amz-date', timestamp],
    ...(token === undefined ? [] : [['x-amz-security-token', token] as const]),
    ['x-amz-target', operation.target],
  ];
  const names = signed.map(([name]) => name).join(';');
  const scope = `${timestamp.slice(0, 8)}/${region}/${operation.service}/aws4_request`;
  const canonical = ['POST', '/', '', ...signed.map((pair) => pair.join(':')), '', names, sha256(body)].join(
    '\n',
  );
  const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  const key = [region, operation.service, 'aws4_request'].reduce<Buffer>(
    hmac,
    hmac(`AWS4${env['AWS_SECRET_ACCESS_KEY'] ?? ''}`, timestamp.slice(0, 8)),
  );
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      ...Object.fromEntries(signed.filter(([name]) => name !== 'host')),
      authorization: `AWS4-HMAC-SHA256 Credential=${env['AWS_ACCESS_KEY_ID'] ?? ''}/${scope}, SignedHeaders=${names}, Signature=${hmac(key, toSign).toString('hex')}`,
    },
    body,
    signal: AbortSignal.timeout(30_000),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.ok) return answer;
  const code = textOf(answer['__type'] ?? answer['code']).replace(/^.*#/, '') || `Http${response.status}`;
  throw new AwsCallError(code, textOf(answer['message'] ?? answer['Message']));
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
