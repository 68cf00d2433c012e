import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSignatureOf, keyFingerprints, readPluginPackage, SIGNER_FINGERPRINT } from './plugin-package.ts';
import type { StandIn, StandInCall, StandInResult } from './stand-in-server.ts';

/** Faults that can be injected into an instance while its user data runs. */
export type BootFault = 'download-fails' | 'bad-signature' | 'disk-full' | 'dnf-fails' | 'hang';

export interface PackageToolsOptions {
  readonly architecture: 'arm64' | 'x86_64';
  has(fault: BootFault): boolean;
  /** Puts the plugin on the machine's PATH. */
  installPlugin(version: string): void;
}

/** A call that never returns; it ends when its caller is killed. */
export function hang(call: StandInCall): Promise<StandInResult> {
  return new Promise((resolveCall) => {
    call.io.signal.addEventListener('abort', () => resolveCall({ code: 143 }), { once: true });
  });
}

/** Stand-ins for `dnf`, `yum`, `rpm` and `gpg`. */
export function createPackageTools(options: PackageToolsOptions): ReadonlyMap<string, StandIn> {
  const installed = new Set(['amazon-ssm-agent', 'awscli-2', 'jq', 'curl-minimal', 'gnupg2-minimal']);
  const keys = new Set<string>();

  const installFile = (call: StandInCall, file: string): StandInResult => {
    if (options.has('disk-full'))
      return {
        code: 1,
        stderr: `installing package session-manager-plugin needs 34MB more space on the / filesystem\n`,
      };
    const text = read(call, file)?.toString('utf8');
    const found = text === undefined ? undefined : readPluginPackage(text);
    if (text === undefined)
      return { code: 1, stderr: `error: open of ${file} failed: No such file or directory\n` };
    if (found === undefined) return { code: 1, stderr: `error: ${file}: not an rpm package\n` };
    const own = options.architecture === 'arm64' ? 'aarch64' : 'x86_64';
    if (found.architecture !== own)
      return {
        code: 1,
        stderr: `package session-manager-plugin-${found.version}.${found.architecture} is intended for a different architecture\n`,
      };
    installed.add('session-manager-plugin');
    options.installPlugin(found.version);
    return { code: 0 };
  };

  const dnf: StandIn = (call) => {
    if (options.has('hang')) return hang(call);
    if (options.has('dnf-fails'))
      return { code: 1, stderr: 'Error: Failed to download metadata for repo amazonlinux\n' };
    const [verb = '', ...names] = call.args.filter((word) => !word.startsWith('-'));
    if (!['install', 'upgrade', 'update', 'localinstall'].includes(verb)) return { code: 0 };
    for (const name of names) {
      if (name.endsWith('.rpm')) {
        const result = installFile(call, name);
        if ('code' in result && result.code !== 0) return result;
      } else installed.add(name);
    }
    return { code: 0, stdout: call.args.some((word) => /^-(q|-quiet)/.test(word)) ? '' : 'Complete!\n' };
  };

  const rpm: StandIn = (call) => {
    const names = call.args.filter((word) => !word.startsWith('-'));
    const has = (long: string, short: RegExp): boolean =>
      call.args.some((word) => word === long || short.test(word));
    if (has('--query', /^-[a-z]*q/)) {
      const missing = names.filter((name) => !installed.has(name));
      return {
        code: missing.length,
        stdout: names
          .map((name) => (installed.has(name) ? `${name}\n` : `package ${name} is not installed\n`))
          .join(''),
      };
    }
    if (!has('--install', /^-[a-z]*i/) && !has('--upgrade', /^-[a-z]*U/)) return { code: 0 };
    for (const name of names) {
      const result = installFile(call, name);
      if ('code' in result && result.code !== 0) return result;
    }
    return { code: 0 };
  };

  const gpg: StandIn = (call) => {
    const words = withoutValues(call.args, ['--homedir', '--status-fd', '--keyring']);
    const files = words.filter((word) => !word.startsWith('-'));
    const status = call.args.includes('--status-fd');
    if (words.includes('--import')) {
      const found = files.flatMap((file) => keyFingerprints(read(call, file)?.toString('latin1') ?? ''));
      for (const key of found) keys.add(key);
      return found.length > 0 ? { code: 0 } : { code: 2, stderr: 'gpg: no valid OpenPGP data found.\n' };
    }
    if (words.includes('--fingerprint') || words.includes('--list-keys'))
      return {
        code: keys.size > 0 ? 0 : 2,
        stdout: [...keys].map((key) => `pub   nistp256\n      ${key}\n`).join(''),
      };
    if (!words.includes('--verify')) return { code: 2, stderr: 'gpg: not understood by this stand-in\n' };
    const [signatureFile = '', dataFile = ''] = files;
    const signature = read(call, signatureFile)?.toString('latin1');
    const data = read(call, dataFile);
    if (signature === undefined || data === undefined)
      return { code: 2, stderr: `gpg: can't open '${signatureFile}'\n` };
    const id = SIGNER_FINGERPRINT.slice(-16);
    const verdict = (code: number, line: string, text: string): StandInResult => ({
      code,
      stdout: status ? `[GNUPG:] ${line}\n` : '',
      stderr: `gpg: ${text}\n`,
    });
    const good = isSignatureOf(signature, data);
    if (good === undefined) return verdict(2, 'NODATA 4', 'no signature found');
    if (!keys.has(SIGNER_FINGERPRINT))
      return verdict(2, `NO_PUBKEY ${id}`, "Can't check signature: No public key");
    if (!good) return verdict(1, `BADSIG ${id} session-manager-plugin-signer@amazon.com`, 'BAD signature');
    return verdict(
      0,
      `VALIDSIG ${SIGNER_FINGERPRINT} 2026-10-09 1791504000 0 4 0 19 8 00 ${SIGNER_FINGERPRINT}`,
      'Good signature',
    );
  };

  return new Map([
    ['dnf', dnf],
    ['yum', dnf],
    ['rpm', rpm],
    ['gpg', gpg],
  ]);
}

function withoutValues(args: readonly string[], options: readonly string[]): readonly string[] {
  return args.filter((word, index) => !options.includes(word) && !options.includes(args[index - 1] ?? ''));
}

function read(call: StandInCall, file: string): Buffer | undefined {
  try {
    return readFileSync(resolve(call.cwd, file));
  } catch {
    return undefined;
  }
}
