import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  renderUserData,
  shellQuote,
  USER_DATA_FILES,
  USER_DATA_LIMIT,
} from '../../../src/provision/bastion/user-data.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'userdata');
const files = Object.fromEntries(
  USER_DATA_FILES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
);
const parameters = {
  bastion: 'default',
  region: 'eu-west-1',
  cluster: 'demo',
  expiresAt: 1_800_000_000_500,
  idleMinutes: 30,
};

describe('the user data', () => {
  it('contains its parameters and all files, no unprocessed directive, and is small enough', () => {
    const text = renderUserData(files, parameters);
    expect(text.startsWith('#!/bin/bash\n')).toBe(true);
    expect(text).toContain("FC_CLUSTER='demo'\nFC_EXPIRES_AT='1800000001'\nFC_IDLE_MINUTES='30'");
    expect(text).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    expect(text).toContain('usage: ecs_connect.sh SERVICE [CONTAINER] [COMMAND...]');
    expect(text).not.toMatch(/^ *#(?!!)/m);
    expect(text.match(/^#!\/bin\/bash$/gm)).toHaveLength(4);
  });

  it('is small enough in each variant, even with the longest names', () => {
    const longest = { ...parameters, bastion: 'b'.repeat(40), cluster: 'c'.repeat(255) };
    for (const ipv6 of [
      undefined,
      { dualStackDomain: undefined },
      { dualStackDomain: 'api.amazonwebservices.com.cn' },
    ]) {
      const text = renderUserData(files, { ...longest, ...(ipv6 === undefined ? {} : { ipv6 }) });
      expect(Buffer.byteLength(text)).toBeLessThan(USER_DATA_LIMIT - 512);
    }
  });

  it('installs nothing for tunnels only', () => {
    const text = renderUserData(files, { ...parameters, cluster: undefined });
    expect(text).not.toMatch(/^[^#]*(curl --fail|dnf .*install|rpm |gpg|ecs_connect)/m);
    expect(text).toContain('fargate-connect-lease.timer');
    expect(text).toContain('install_lease\nstart_agent\ninstall_updates\ncheck_agent\nsay "ready"');
  });

  it('fails if it is larger than EC2 accepts', () => {
    const long = { ...files, 'lease.sh': `#!/bin/bash\n${': filler\n'.repeat(1_500)}` };
    expect(() => renderUserData(long, parameters)).toThrow(
      expect.objectContaining({ code: 'user-data-too-large' }) as Error,
    );
  });

  it('fails for a file that would end its here-document', () => {
    const broken = { ...files, 'lease.sh': 'echo\nEND_OF_LEASE\nrm -rf /\n' };
    expect(() => renderUserData(broken, parameters)).toThrow(
      expect.objectContaining({ code: 'user-data-file' }) as Error,
    );
  });

  it('names a missing file', () => {
    const { 'lease.sh': _gone, ...rest } = files;
    expect(() => renderUserData(rest, parameters)).toThrow(/lease\.sh/);
  });
});

describe('shellQuote', () => {
  it.each([
    ['plain', "'plain'"],
    ["it's", "'it'\\''s'"],
    ['$(reboot) `x` "y"', '\'$(reboot) `x` "y"\''],
  ])('quotes %s', (value, expected) => {
    expect(shellQuote(value)).toBe(expected);
  });
  it('refuses line breaks', () => {
    expect(() => shellQuote('a\nb')).toThrow(
      expect.objectContaining({ code: 'user-data-parameter' }) as Error,
    );
  });
});
