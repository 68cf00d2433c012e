import { view } from '../../core/bytes.ts';
import { quoteWords } from '../../core/shell-words.ts';

/**
 * ECS Exec runs one program on a pty. It transmits neither the exit status nor separate streams
 * (docs/reference/ecs-exec.md §1, SPEC.md §11.2). So a command is wrapped in a `sh` script, which has two forms.
 *
 * `terminal`: the command gets the pty. A marker before its output shows the start, and one with `$?` after it the
 * status.
 *
 * `pipes`: the command gets three pipes, and the script carries them over the pty.
 * - stdout: `cat` copies it to the pty, unframed and unchanged.
 * - stderr: each chunk is encoded (base64, or hexadecimal digits from `od`) and printed as a frame between the bytes of
 *   stdout. A frame is one `write` of less than 1024 bytes, which is the smallest output buffer of the C libraries. The
 *   kernel performs one `write` to a pty at a time, so no byte of stdout can appear inside a frame.
 * - stdin: see exec-script-input.ts.
 *
 * Markers and frames hold a random nonce. The script contains it in two halves, so neither `ps` in the container nor an
 * echo of the command line shows a marker. exec-script-output.ts reads markers and frames.
 */
export interface ExecScript {
  /** The command for ExecuteCommand: `/bin/sh -c '…' fargate-connect ARGV…`. */
  readonly command: string;
  readonly nonce: string;
}

/**
 * `pipes-by-lines` is `pipes` for a transport that changes a lone line feed of the input, as session-manager-plugin
 * does (SPEC.md §11.1): stdin is sent as lines of text.
 */
export type ExecMode = 'terminal' | 'pipes' | 'pipes-by-lines';

/** What the begin marker reports about the remote side. */
export interface RemoteSetup {
  /** `raw`: the pty passes bytes unchanged. `tty`: it turns LF into CR LF, and echoes its input. */
  readonly output: 'raw' | 'tty';
  /**
   * `terminal`: the command reads our keys. `counted` and `text`: see exec-script-input.ts. `none`: the command has an
   * empty stdin.
   */
  readonly input: 'terminal' | 'counted' | 'text' | 'none';
  /** The encoding of stderr; `merged`: stderr arrives as a part of stdout. */
  readonly errors: 'base64' | 'hex' | 'merged';
  /** False: the image has no program that copies a stream, so the command's output is a terminal. */
  readonly pipes: boolean;
}

const NONCE_HALF = 16;

/** The command for ECS Exec; its output is read by `ExecOutputReader` with the same nonce. */
export function execScript(argv: readonly string[], nonce: string, mode: ExecMode): ExecScript {
  const statements = mode === 'terminal' ? terminalScript(nonce) : pipesScript(nonce, mode === 'pipes');
  return { command: quoteWords(['/bin/sh', '-c', statements.join('; '), 'fargate-connect', ...argv]), nonce };
}

/** Random bytes as the nonce that `execScript` expects: 32 hex digits. */
export const execNonce = (randomBytes: (length: number) => Uint8Array): string =>
  view(randomBytes(NONCE_HALF)).toString('hex');

/** The halves are joined only in the output of the script, so that its text does not contain the whole nonce. */
export const nonceHalves = (nonce: string): readonly [string, string] => [
  nonce.slice(0, NONCE_HALF),
  nonce.slice(NONCE_HALF),
];

const defineMarker = (nonce: string): string =>
  `fc_m() { printf '\\036%s%s:%s\\036' ${nonceHalves(nonce).join(' ')} "$1"; }`;

/**
 * A signal that the user types must not end the wrapper before it has printed the status; children get the default
 * action.
 */
const SURVIVE_SIGNALS = 'trap : INT QUIT';

/**
 * When the script has printed everything, it waits for the acknowledgement (exec-script-input.ts). Without this, the agent would wait only
 * 2 s after the end of its program for pending messages, and a connection that was down then would lose the status.
 */
const awaitAcknowledgement = (nonce: string): string =>
  `while IFS= read -r fc_n && [ "$fc_n" != ..${nonceHalves(nonce)[1]} ]; do :; done`;

function terminalScript(nonce: string): readonly string[] {
  return [
    SURVIVE_SIGNALS,
    defineMarker(nonce),
    // The size of our terminal arrives with this line at the latest, so the command sees it at its start.
    'fc_m ready',
    'IFS= read -r fc_n',
    'fc_m begin/tty/terminal/merged/tty',
    '(exec "$@")',
    'fc_m "exit/$?"',
    'fc_m end',
    awaitAcknowledgement(nonce),
  ];
}

/** Length of one frame of stderr in base64 characters: with nonce and separators the frame stays below 1024 bytes. */
const ERROR_FRAME_LENGTH = 900;

/**
 * Every name begins with `fc_`, because assigning to a variable of the environment would change it for the command.
 * Descriptor 3 is the pty's output, 4 its input, 5 the pipe of stdout, 6 the pipe of stderr, 7 the input of the feeder.
 */
function pipesScript(nonce: string, mayCount: boolean): readonly string[] {
  const [, inputKey] = nonceHalves(nonce);
  return [
    SURVIVE_SIGNALS,
    defineMarker(nonce),
    'fc_has() { command -v "$1" >/dev/null 2>&1; }',
    // The tools of the image: fc_copy copies a stream, fc_dd says that dd can read a counted block, fc_enc encodes a
    // chunk of stderr. dd is preferred to cat, because BusyBox's cat keeps the pipe locked while it waits for the pty
    // (sendfile).
    'fc_out=tty fc_in=none fc_err=merged fc_copy=',
    "if fc_has dd; then fc_copy='dd bs=65536'; elif fc_has cat; then fc_copy=cat; fi",
    'fc_dd() { dd if=/dev/null bs=1 count=1 iflag=fullblock; }',
    `if ${mayCount ? 'fc_dd >/dev/null 2>&1 && stty raw -echo 2>/dev/null' : 'false'}; then fc_out=raw fc_in=counted` +
      '; elif stty -opost -echo 2>/dev/null; then fc_out=raw fc_in=text; fi',
    'if [ -z "$fc_copy" ] || ! fc_has dd; then :' +
      `; elif printf x | base64 -w ${ERROR_FRAME_LENGTH} >/dev/null 2>&1; then fc_err=base64 fc_enc='base64 -w ${ERROR_FRAME_LENGTH}'` +
      '; elif fc_has base64; then fc_err=base64 fc_enc=base64' +
      "; elif fc_has od; then fc_err=hex fc_enc='od -An -v -tx1'; fi",
    // Feeds stdin until its end (exec-script-input.ts). fc_g is G, fc_q is N, fc_i is the identifier of the next block.
    // The reader on the other side of the pipe gets the first line of a block only when the first dd has read the whole
    // block from the input, so it reads the line after the block next, and copies the block if that is the right one.
    'fc_block() { dd bs="$1" count=1 iflag=fullblock 2>/dev/null' +
      ' | (IFS= read -r fc_n; IFS= read -r fc_n <&7; [ "$fc_n" = ",$fc_i" ] || exit 1; $fc_copy 2>/dev/null; exit 0); }',
    'fc_text() { fc_n=${1#*:}; [ "${1%%:*}" = ${#fc_n} ] && printf %b "$fc_n"; }',
    'fc_took() { if [ $1 = 0 ]; then fc_q=$((fc_q+1)); fc_m taken >&3; else fc_g=$((fc_g+1)); fc_m again >&3; fi; }',
    'fc_feed() { exec 7<&0; fc_g=0 fc_q=0' +
      `; while fc_i=$fc_g.$fc_q:${inputKey}; IFS= read -r fc_n; do case $fc_n in` +
      ` ".$fc_i"|..${inputKey}) break;;` +
      ' "$fc_i:"*":$fc_i") fc_n=${fc_n#"$fc_i:"}; fc_block "${fc_n%%:*}"; fc_took $?;;' +
      ' "=$fc_i:"*",$fc_i") fc_n=${fc_n#"=$fc_i:"}; fc_text "${fc_n%",$fc_i"}"; fc_took $?;;' +
      // A line that begins or ends as the expected block does is damaged.
      ' "=$fc_i:"*|*",$fc_i") fc_took 1;;' +
      ' esac; done; }',
    // Reads one chunk at a time, in the size in which it arrives, until a chunk is empty. A command substitution reads
    // in blocks, whereas `read` takes one byte per call.
    "fc_errors() { IFS=$(printf '\\n_'); IFS=${IFS%_}; fc_n=0" +
      '; while [ $fc_n = 0 ]; do fc_n=1; for fc_l in $(dd bs=65536 count=1 2>/dev/null | (IFS=" "; $fc_enc)); do' +
      ' fc_n=0; fc_m "$fc_err/$fc_l" >&3; done; done; }',
    // The shell's own message about a signal ("Killed") goes to /dev/null; its message that a program is not found goes
    // to stderr.
    'fc_run() { exec 2>&1 >&5 5>&- 4<&-; exec 6>&2 2>/dev/null; (exec "$@" 2>&6 3>&- 6>&-); fc_m "exit/$?" >&3; }',
    'fc_both() { if [ $fc_err = merged ]; then fc_run "$@"; else fc_run "$@" | fc_errors 5>&-; fi; }',
    // After the command, the script discards the rest of stdin, so that the feeder reaches the acknowledgement.
    'fc_all() { { fc_both "$@"; } 5>&1 | $fc_copy 2>/dev/null >&3; fc_m end >&3; $fc_copy >/dev/null 2>&1; }',
    'exec 3>&1 4<&0',
    'fc_p=pipes; [ -n "$fc_copy" ] || fc_p=tty fc_in=none',
    'fc_m "begin/$fc_out/$fc_in/$fc_err/$fc_p"',
    `fc_end() { ${awaitAcknowledgement(nonce)}; }`,
    'if [ $fc_p = tty ]; then (exec "$@" </dev/null 3>&- 4<&-); fc_m "exit/$?"; fc_m end; fc_end' +
      // bash's `read` may take more than one line from a pty in raw mode, but not from a pipe. The dd that copies would
      // wait for the next byte of the pty; but when the session leader ends, the pty is hung up, which ends dd too.
      '; elif [ $fc_in = counted ]; then dd bs=65536 <&4 2>/dev/null | { fc_feed | fc_all "$@"; fc_end; kill -HUP $$; }' +
      '; elif [ $fc_in = text ]; then fc_feed <&4 | fc_all "$@"; fc_end <&4' +
      '; else : | fc_all "$@"; fc_end <&4; fi',
  ];
}
