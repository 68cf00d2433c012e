import { view } from '../../core/bytes.ts';
import { quoteWords } from '../../core/shell-words.ts';

/**
 * ECS Exec runs one program on a pty and transmits neither its exit status nor its streams apart
 * (docs/reference/ecs-exec.md §1, SPEC.md §11.2). So a command is wrapped in a `sh` script, which has two forms.
 *
 * `terminal`: the command gets the pty. A marker before it and one with `$?` behind it tell its start and its status.
 *
 * `pipes`: the command gets three pipes, and the script carries them over the pty.
 * - stdout: `cat` copies it to the pty, unframed and unchanged.
 * - stderr: each chunk is encoded (base64, or hexadecimal digits from `od`) and printed as a frame between the bytes of
 *   stdout. A frame is one `write` of less than 1024 bytes, which is the smallest output buffer of the C libraries; the
 *   kernel carries out one `write` to a pty at a time, so no byte of stdout stands inside a frame.
 * - stdin: exec-script-input.ts.
 *
 * Markers and frames hold a random nonce. The script carries it in two halves, so neither `ps` in the container nor an
 * echo of the command line contains a marker. exec-script-output.ts reads them.
 */
export interface ExecScript {
  /** For ExecuteCommand: `/bin/sh -c '…' fargate-connect ARGV…`. */
  readonly command: string;
  readonly nonce: string;
}

/**
 * `pipes-by-lines` is `pipes` for a transport that changes a lone line feed of the input, as session-manager-plugin does
 * (SPEC.md §11.1): stdin goes as lines of text.
 */
export type ExecMode = 'terminal' | 'pipes' | 'pipes-by-lines';

/** What the begin marker reports of the remote side. */
export interface RemoteSetup {
  /** `raw`: the pty passes bytes unchanged. `tty`: it turns LF into CR LF, and echoes its input. */
  readonly output: 'raw' | 'tty';
  /** `terminal`: our keys are its keys. `counted` and `text`: exec-script-input.ts. `none`: the command has an empty stdin. */
  readonly input: 'terminal' | 'counted' | 'text' | 'none';
  /** The encoding of stderr; `merged`: it arrives as a part of stdout. */
  readonly errors: 'base64' | 'hex' | 'merged';
  /** False: the image has nothing that copies a stream, so the command's output is a terminal. */
  readonly pipes: boolean;
}

const NONCE_HALF = 16;

export function execScript(argv: readonly string[], nonce: string, mode: ExecMode): ExecScript {
  const statements = mode === 'terminal' ? terminalScript(nonce) : pipesScript(nonce, mode === 'pipes');
  return { command: quoteWords(['/bin/sh', '-c', statements.join('; '), 'fargate-connect', ...argv]), nonce };
}

/** Random bytes as the nonce that `execScript` expects: 32 hex digits. */
export const execNonce = (randomBytes: (length: number) => Uint8Array): string =>
  view(randomBytes(NONCE_HALF)).toString('hex');

/** They meet only in the output of the script, so that its text does not hold the whole. */
export const nonceHalves = (nonce: string): readonly [string, string] => [
  nonce.slice(0, NONCE_HALF),
  nonce.slice(NONCE_HALF),
];

const defineMarker = (nonce: string): string =>
  `fc_m() { printf '\\036%s%s:%s\\036' ${nonceHalves(nonce).join(' ')} "$1"; }`;

/** A signal typed by the person must not end the wrapper before it has printed the status; children get the default action. */
const SURVIVE_SIGNALS = 'trap : INT QUIT';

/**
 * The script waits for a line with two dots when everything is told: an agent gives what is on its way 2 s when its
 * program ends, so a connection that was down at that moment would lose the status.
 */
const AWAIT_ACKNOWLEDGEMENT = 'while IFS= read -r fc_n && [ "$fc_n" != .. ]; do :; done';

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
    AWAIT_ACKNOWLEDGEMENT,
  ];
}

/** Of one frame of stderr, in characters of base64: with nonce and fences it stays below 1024 bytes. */
const ERROR_FRAME_LENGTH = 900;

/**
 * Every name begins with `fc_`: a variable that the environment has already would be exported to the command.
 * Descriptor 3 is the pty's output, 4 its input, 5 the pipe of stdout, 6 the pipe of stderr.
 */
function pipesScript(nonce: string, mayCount: boolean): readonly string[] {
  return [
    SURVIVE_SIGNALS,
    defineMarker(nonce),
    'fc_has() { command -v "$1" >/dev/null 2>&1; }',
    // What is there: fc_copy copies a stream, fc_dd tells that dd can read a counted block, fc_enc encodes a chunk of stderr.
    // dd goes before cat, because BusyBox's cat keeps the pipe locked while it waits for the pty (sendfile).
    'fc_out=tty fc_in=none fc_err=merged fc_copy=',
    "if fc_has dd; then fc_copy='dd bs=65536'; elif fc_has cat; then fc_copy=cat; fi",
    'fc_dd() { dd if=/dev/null bs=1 count=1 iflag=fullblock; }',
    `if ${mayCount ? 'fc_dd >/dev/null 2>&1 && stty raw -echo 2>/dev/null' : 'false'}; then fc_out=raw fc_in=counted` +
      '; elif stty -opost -echo 2>/dev/null; then fc_out=raw fc_in=text; fi',
    'if [ -z "$fc_copy" ] || ! fc_has dd; then :' +
      `; elif printf x | base64 -w ${ERROR_FRAME_LENGTH} >/dev/null 2>&1; then fc_err=base64 fc_enc='base64 -w ${ERROR_FRAME_LENGTH}'` +
      '; elif fc_has base64; then fc_err=base64 fc_enc=base64' +
      "; elif fc_has od; then fc_err=hex fc_enc='od -An -v -tx1'; fi",
    // Feeds stdin to its end (exec-script-input.ts).
    'fc_q=0; fc_broken() { fc_m broken >&3; while IFS= read -r fc_n; do :; done; }',
    'fc_feed() { while IFS= read -r fc_n; do case $fc_n in' +
      ' "") ;; .|..) break;; =*) printf %b "${fc_n#=}";;' +
      // A block that comes a second time is dropped. What comes twice in part spoils the count of the block: then no comma follows.
      ' "$fc_q":*) dd bs="${fc_n#*:}" count=1 iflag=fullblock 2>/dev/null; IFS= read -r fc_n' +
      '; [ "$fc_n" = , ] || { fc_broken; break; }; fc_q=$((fc_q+1)); fc_m taken >&3;;' +
      ' $((fc_q-1)):*) dd bs="${fc_n#*:}" count=1 iflag=fullblock >/dev/null 2>&1; IFS= read -r fc_n;;' +
      ' *) fc_broken; break;; esac; done; }',
    // One chunk at its natural size, until a chunk is empty. A command substitution reads in blocks; `read` takes one byte a call.
    "fc_errors() { IFS=$(printf '\\n_'); IFS=${IFS%_}; fc_n=0" +
      '; while [ $fc_n = 0 ]; do fc_n=1; for fc_l in $(dd bs=65536 count=1 2>/dev/null | (IFS=" "; $fc_enc)); do' +
      ' fc_n=0; fc_m "$fc_err/$fc_l" >&3; done; done; }',
    // The shell's own word about a signal ("Killed") goes to /dev/null; that a program is not found goes to stderr.
    'fc_run() { exec 2>&1 >&5 5>&- 4<&-; exec 6>&2 2>/dev/null; (exec "$@" 2>&6 3>&- 6>&-); fc_m "exit/$?" >&3; }',
    'fc_both() { if [ $fc_err = merged ]; then fc_run "$@"; else fc_run "$@" | fc_errors 5>&-; fi; }',
    // After the command the rest of its stdin is taken, so that the feeder comes to the acknowledgement.
    'fc_all() { { fc_both "$@"; } 5>&1 | $fc_copy 2>/dev/null >&3; fc_m end >&3; $fc_copy >/dev/null 2>&1; }',
    'exec 3>&1 4<&0',
    'fc_p=pipes; [ -n "$fc_copy" ] || fc_p=tty fc_in=none',
    'fc_m "begin/$fc_out/$fc_in/$fc_err/$fc_p"',
    `fc_end() { ${AWAIT_ACKNOWLEDGEMENT}; }`,
    'if [ $fc_p = tty ]; then (exec "$@" </dev/null 3>&- 4<&-); fc_m "exit/$?"; fc_m end; fc_end' +
      // `read` of bash takes more than a line from a pty in raw mode, from a pipe it does not. The copying dd would wait
      // for the next byte of the pty: when the session leader ends, the pty is hung up, which ends it too.
      '; elif [ $fc_in = counted ]; then dd bs=65536 <&4 2>/dev/null | { fc_feed | fc_all "$@"; fc_end; kill -HUP $$; }' +
      '; elif [ $fc_in = text ]; then fc_feed <&4 | fc_all "$@"; fc_end <&4' +
      '; else : | fc_all "$@"; fc_end <&4; fi',
  ];
}
