import { quoteWords } from '../../core/shell-words.ts';
import { isWindows } from '../target/windows.ts';

/** The shell when the user named none: bash where the image has it, PowerShell in Windows containers. */
export function shellCommand(platformFamily: string | undefined): string {
  if (isWindows(platformFamily)) return 'powershell.exe';
  return quoteWords(['/bin/sh', '-c', 'exec "$(command -v bash || command -v sh)"']);
}
