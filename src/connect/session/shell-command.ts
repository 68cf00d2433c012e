import { quoteWords } from '../../core/shell-words.ts';

/** The shell when the user named none: bash where the image has it, PowerShell in Windows containers. */
export function shellCommand(platformFamily: string | undefined): string {
  if (platformFamily?.toUpperCase().startsWith('WINDOWS') === true) return 'powershell.exe';
  return quoteWords(['/bin/sh', '-c', 'exec "$(command -v bash || command -v sh)"']);
}
