import { join } from 'node:path';
import type { MachineRoot } from '../machine-root.ts';

/**
 * Programs that end or change the machine they run on. A shell of the sandbox runs on the user's own machine with the
 * user's rights, so these programs are replaced by ones that refuse to run; a real container would not allow them
 * either.
 */
export const HOST_PROGRAMS: readonly string[] = [
  // Programs that end the machine, or change what it runs.
  'halt init kexec poweroff reboot shutdown telinit systemctl service loginctl rtcwake pm-suspend pm-hibernate',
  'killall5 launchctl osascript rc-service openrc-shutdown',
  // Programs that change its kernel, clock, name and network.
  'insmod modprobe rmmod sysctl hwclock timedatectl hostnamectl localectl nmcli iptables ip6tables nft ufw',
  'firewall-cmd ifconfig route networksetup pmset',
  // Programs that change its disks.
  'blkdiscard cfdisk cryptsetup diskutil fdisk fsck losetup mkfs mkfs.ext4 mkfs.xfs mkswap mount parted pivot_root',
  'sfdisk swapoff swapon umount wipefs lvremove',
  // Programs that change its users and its scheduled jobs.
  'adduser chpasswd chsh deluser groupadd groupdel passwd useradd userdel usermod visudo crontab at batch',
  // Programs that change its packages.
  'apk apt apt-get aptitude brew dnf dpkg flatpak microdnf pacman rpm snap yum zypper',
  // Programs that give more rights than the user has.
  'doas pkexec su sudo nsenter',
].flatMap((names) => names.split(' '));

/** Directory of the replacements, below a container's root. */
export const HOST_PROGRAM_BIN = '.stand-ins/bin';

/**
 * Writes the replacements, except for the programs that the machine implements itself (`except`). Returns the
 * directory, which must be first on PATH.
 */
export function installHostPrograms(root: MachineRoot, except: ReadonlySet<string> = new Set()): string {
  for (const name of HOST_PROGRAMS)
    if (!except.has(name)) root.write(`${HOST_PROGRAM_BIN}/${name}`, refusal(name), 0o755);
  return join(root.path, HOST_PROGRAM_BIN);
}

const refusal = (name: string): string =>
  `#!/bin/sh\necho '${name}: not permitted: this shell of the sandbox runs on your own machine' >&2\nexit 1\n`;
