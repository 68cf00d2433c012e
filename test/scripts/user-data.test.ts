import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { renderUserData, USER_DATA_FILES } from '../../src/provision/bastion/user-data.ts';
import { USERDATA } from './scripts.ts';

const files = Object.fromEntries(
  USER_DATA_FILES.map((name) => [name, readFileSync(join(USERDATA, name), 'utf8')]),
);
const parameters = { bastion: 'default', region: 'eu-west-1', cluster: 'demo', idleMinutes: 30 };

describe('the user data in a real bash', () => {
  it('ends a bastion from exported code that long after its boot, whenever it boots', () => {
    const text = renderUserData(files, { ...parameters, expiresAt: { afterBootMs: 28_800_000 } });
    const [line = ''] = /^FC_EXPIRES_AT=\$.*$/m.exec(text) ?? [];
    const end = Number(execFileSync('bash', ['-c', `${line}; echo "$FC_EXPIRES_AT"`], { encoding: 'utf8' }));
    const inSeconds = end - Math.floor(systemClock.now() / 1000);
    expect(inSeconds).toBeGreaterThan(28_790);
    expect(inSeconds).toBeLessThanOrEqual(28_800);
  });
});
