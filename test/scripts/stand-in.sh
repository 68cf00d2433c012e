#!/bin/bash
# Every program of a ScriptBox, by symbolic link: says in the log that it was called, then does what the test wrote down.
# The text is read and not executed: a file that was just written may still be open in a process that another test forked.
root=${0%/*}/..
printf '%s\n' "${0##*/} $*" >>"$root/calls"
# shellcheck source=/dev/null
. "$root/bodies/${0##*/}"
