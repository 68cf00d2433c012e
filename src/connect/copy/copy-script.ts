import { quoteWords } from '../../core/shell-words.ts';
import { nonceHalves } from '../session/exec-script.ts';

/**
 * What runs in the container while files are copied: a `sh` that reads requests from stdin, one line of shell each, and
 * ends the answer to each request with a marker that holds the status and what the request wrote to stderr. The bytes of
 * a file follow the request that takes them. The functions that the requests call are the first request
 * (`COPY_FUNCTIONS`), so that the command line of the session stays short and no path is a part of it.
 *
 * All names begin with `fc_`.
 */
export const copyCommand = (nonce: string): readonly string[] => [
  '/bin/sh',
  '-c',
  COPY_LOOP,
  'fargate-connect-cp',
  ...nonceHalves(nonce),
];

const COPY_LOOP = [
  'LC_ALL=C fc_q=',
  'export LC_ALL',
  // dash ends when a file for a redirection of a builtin cannot be opened, so such redirections are made in subshells.
  'while [ -z "$fc_q" ] && IFS= read -r fc_l; do fc_e=; eval "$fc_l"' +
    `; printf '%s%s:%s:%s:%s%s\\n' "$1" "$2" "$?" "$fc_e" "$1" "$2"; done`,
].join('; ');

/** Bytes that one `dd` reads at a time; ranges of a file begin at a multiple of it. */
export const BLOCK = 65_536;

/** The status with which a request fails for a reason that has no message of the system. */
export const COPY_STATUS = {
  noSuchFolder: 40,
  folderInTheWay: 41,
  linkUnresolved: 42,
  notWritable: 44,
  notAFile: 45,
  writeFailed: 46,
  damaged: 47,
  notPlaced: 48,
  endedEarly: 49,
} as const;

/** What the container has of what copying uses; `tools` holds the names of the programs that were found. */
export interface CopyTools {
  /** `counted`: a `dd` that reads an exact number of bytes from a pipe. `blocks`: one that reads blocks of a file. */
  readonly dd: 'counted' | 'blocks' | 'none';
  readonly tools: ReadonlySet<string>;
}

const WANTED = [
  'cat',
  'chmod',
  'chown',
  'ln',
  'ls',
  'mkdir',
  'mv',
  'readlink',
  'rm',
  'stat',
  'tar',
  'touch',
  'wc',
];
/** `sum`: a program that computes SHA-256. */
const SUM = 'sum';

const STATEMENTS = [
  'fc_has() { command -v "$1" >/dev/null 2>&1; }',
  // An image may have BusyBox without links for its applets.
  `for fc_x in ${[...WANTED, 'dd', 'sha256sum'].join(' ')}; do fc_has $fc_x` +
    ' || { busybox $fc_x --help >/dev/null 2>&1 && eval "$fc_x() { busybox $fc_x \\"\\$@\\"; }"; }; done',
  'if fc_has sha256sum; then fc_sha=sha256sum; elif fc_has openssl; then fc_sha="openssl dgst -sha256 -r"' +
    '; elif fc_has shasum; then fc_sha="shasum -a 256"; else fc_sha=; fi',
  'fc_sum() { fc_x=$($fc_sha); printf %s "${fc_x%% *}"; }',
  // The digest of nothing shows that the program works.
  '[ -z "$fc_sha" ] || case $(fc_sum </dev/null 2>/dev/null) in e3b0c442*) ;; *) fc_sha=;; esac',
  'fc_size() { stat -L -c %s "$1" 2>/dev/null || wc -c <"$1"; }',
  // Kind, size, mode, time and owner of a file. Without stat the time is unknown.
  'fc_stat() { if [ -e "$1" ]; then stat -L -c "stat %f %s %Y %u %g" "$1" 2>/dev/null || fc_list "$1"' +
    '; elif [ -L "$1" ]; then echo dangling; else echo none; fi; }',
  'fc_list() { fc_x=$(ls -ldnL "$1" 2>/dev/null) && printf "ls %s\\n" "$fc_x" && return; if [ -d "$1" ]; then echo kind d' +
    '; elif [ -f "$1" ]; then echo kind f; else echo kind o; fi; }',
  // Chooses the final name (fc_p) and the temporary one (fc_t) in the same folder. Prints how many bytes of an earlier,
  // interrupted copy the temporary file holds, and the final name.
  'fc_open() { fc_p=$1 fc_t=; if [ -d "$fc_p" ]; then fc_p=${fc_p%/}/$2; else case $fc_p in */)' +
    ` return ${COPY_STATUS.noSuchFolder};; esac; fi` +
    '; if [ -L "$fc_p" ]; then fc_x=$(readlink -f "$fc_p" 2>/dev/null && echo _)' +
    ` || return ${COPY_STATUS.linkUnresolved}; fc_p=\${fc_x%?_}; fi` +
    `; if [ -d "$fc_p" ]; then return ${COPY_STATUS.folderInTheWay}; fi` +
    `; if [ -e "$fc_p" ] && [ ! -f "$fc_p" ]; then return ${COPY_STATUS.notAFile}; fi` +
    '; case $fc_p in */*) fc_d=${fc_p%/*}/;; *) fc_d=./;; esac' +
    `; [ -d "$fc_d" ] || return ${COPY_STATUS.noSuchFolder}` +
    '; fc_t=$fc_d$3; [ "$4" = resume ] || rm -f "$fc_t" 2>/dev/null' +
    `; fc_e=$( { : >>"$fc_t"; } 2>&1 ) || { fc_t=; return ${COPY_STATUS.notWritable}; }` +
    '; fc_size "$fc_t"; printf "%s\\n" "$fc_p"; }',
  // The file is incomplete: nothing is left of it, and the next line on stdin would not be a request.
  'fc_drop() { rm -f "$fc_t"; fc_q=1; return $1; }',
  // Appends bytes from stdin until the temporary file has $1 bytes: $2 blocks, then $3 bytes.
  'fc_take() { fc_e=$( { { [ $2 = 0 ] || dd bs=65536 count=$2 iflag=fullblock; } && { [ $3 = 0 ] || dd bs=$3 count=1 iflag=fullblock; }; }' +
    ` 2>&1 >>"$fc_t" ) || { fc_drop ${COPY_STATUS.writeFailed}; return; }; fc_taken $1; }`,
  // The same with lines that `printf %b` decodes, up to a line with a dot, for images without a dd that counts.
  'fc_lines() { fc_e=$( { while IFS= read -r fc_l && [ "$fc_l" != . ]; do printf %b "${fc_l#=}" || exit 1; done; }' +
    ` 2>&1 >>"$fc_t" ) || { fc_drop ${COPY_STATUS.writeFailed}; return; }; fc_taken $1; }`,
  `fc_taken() { fc_e=; [ "$(fc_size "$fc_t")" -eq $1 ] || fc_drop ${COPY_STATUS.endedEarly}; }`,
  // Compares the digest $1, sets mode $2 and time $3, and gives the file its final name. A file that was there keeps
  // its owner. Prints what could not be kept.
  `fc_place() { if [ -n "$1" ]; then [ "$(fc_sum <"$fc_t")" = "$1" ] || { rm -f "$fc_t"; return ${COPY_STATUS.damaged}; }; fi` +
    '; if [ -e "$fc_p" ]; then fc_x=$(stat -c %u:%g "$fc_p" 2>/dev/null) && chown "$fc_x" "$fc_t" 2>/dev/null || echo owner; fi' +
    '; [ -z "$2" ] || chmod $2 "$fc_t" 2>/dev/null || echo mode' +
    '; [ -z "$3" ] || TZ=UTC0 touch -t $3 "$fc_t" 2>/dev/null || echo time' +
    `; fc_e=$(mv -f "$fc_t" "$fc_p" 2>&1) || { rm -f "$fc_t"; return ${COPY_STATUS.notPlaced}; }; }`,
  // Writes a range of file $1 to stdout: after $2 blocks, $3 blocks and then $4 bytes.
  'fc_get() { { fc_e=$( { { [ $2$3 = 00 ] || dd bs=65536 skip=$2 count=$3; } && { [ $4 = 0 ] || dd bs=$4 count=1; }; } 2>&1 >&9 <"$1" ); } 9>&1' +
    ' && fc_e=; }',
  'fc_cat() { { fc_e=$(cat "$1" 2>&1 >&9); } 9>&1; }',
  // Every entry below folder $1, the folder itself included: $2, mode, size, time and path, or $2, a letter and the path.
  // $2 is random, so that no name can contain it.
  'fc_tree() { ( cd "$1" || exit 1; find . -exec stat -c "$2 %f %s %Y %n" {} + 2>/dev/null || { fc_node . $2; fc_walk . $2; } ); }',
  'fc_node() { stat -c "$2 %f %s %Y %n" "$1" 2>/dev/null && return; if [ -L "$1" ]; then fc_k=l; elif [ -d "$1" ]; then fc_k=d' +
    '; elif [ -f "$1" ]; then fc_k=f; else fc_k=o; fi; printf "%s %s - - %s\\n" "$2" "$fc_k" "$1"; }',
  'fc_walk() { for fc_f in "$1"/* "$1"/.[!.]* "$1"/..?*; do { [ -e "$fc_f" ] || [ -L "$fc_f" ]; } || continue; fc_node "$fc_f" $2' +
    '; if [ -d "$fc_f" ] && [ ! -L "$fc_f" ]; then fc_walk "$fc_f" $2; fi; done; }',
  'fc_link() { readlink "$1" && printf _; }',
  'fc_folder() { fc_e=$(mkdir -p "$1" 2>&1); }',
  // Mode and time of a folder, when its files are in it.
  'fc_attributes() { chmod $2 "$1" 2>/dev/null || echo mode; TZ=UTC0 touch -t $3 "$1" 2>/dev/null || echo time; }',
  `fc_symlink() { if [ -d "$1" ] && [ ! -L "$1" ]; then return ${COPY_STATUS.folderInTheWay}; fi; fc_e=$( { rm -f "$1" && ln -s "$2" "$1"; } 2>&1 ); }`,
  // The digest of the first bytes of a file, whatever is appended to it meanwhile.
  'fc_hash() { fc_get "$1" 0 $2 $3 | fc_sum; }',
  'fc_hash_all() { fc_sum <"$1"; }',
  `fc_tools() { if dd if=/dev/null bs=1 count=1 iflag=fullblock >/dev/null 2>&1; then echo counted; elif fc_has dd; then echo blocks; else echo none; fi` +
    `; [ -z "$fc_sha" ] || echo ${SUM}; for fc_x in ${WANTED.join(' ')}; do ! fc_has $fc_x || echo $fc_x; done; }`,
];

/** The first request: defines the functions and prints what the container has. */
export const COPY_FUNCTIONS = `${STATEMENTS.join('; ')}; fc_tools`;

/** The answer to the request that looks for the programs in the image, one line each. */
export function parseTools(answer: string): CopyTools {
  const [dd = '', ...tools] = answer.trim().split('\n');
  return { dd: dd === 'counted' || dd === 'blocks' ? dd : 'none', tools: new Set(tools) };
}

/** Whether the image has a program that computes SHA-256. */
export const hasSum = ({ tools }: CopyTools): boolean => tools.has(SUM);

/** A request that calls one of the functions; the words are quoted. */
export const call = (name: string, ...words: readonly (string | number)[]): string =>
  [name, quoteWords(words.map(String))].join(' ');
