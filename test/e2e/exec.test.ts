import { describe, expect, it } from 'vitest';
import { PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();
const IN_DEMO = ['exec', '--cluster', 'demo'] as const;

describe('a name that is a part of the name of a service', () => {
  it('opens the list of services with it typed', async () => {
    const picker = new PtyProcess([...IN_DEMO, 'billing', '--', 'sh', '-c', 'echo in $((40+2)); exit 7'], {
      env: sandbox().env,
    });
    await picker.until(/service in demo billing/);
    expect(picker.text.slice(picker.text.indexOf('service in demo billing'))).not.toContain('storefront-web');
    await picker.type('\r', /in 42\n/);
    expect((await picker.exit()).status).toBe(7);
  });
});
