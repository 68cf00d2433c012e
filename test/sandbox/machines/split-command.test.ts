import { expect, it } from 'vitest';
import { splitCommand } from '../../../src/sandbox/machines/split-command.ts';

it.each<[string, readonly string[]]>([
  ['', []],
  ['   ', []],
  ['/bin/sh', ['/bin/sh']],
  [' ls  -l\t/app ', ['ls', '-l', '/app']],
  [`sh -c 'echo "a b" $X'`, ['sh', '-c', 'echo "a b" $X']],
  [`sh -c "echo 'x' \\"y\\" \\$Z \\n"`, ['sh', '-c', `echo 'x' "y" $Z \\n`]],
  [`a\\ b c\\"d`, ['a b', 'c"d']],
  [`'' ""`, ['', '']],
  [`pre'mid'"post"`, ['premidpost']],
  [`open 'to the end`, ['open', 'to the end']],
  ['end\\', ['end\\']],
  [`'back\\slash'`, ['back\\slash']],
])('splits %j', (command, words) => {
  expect(splitCommand(command)).toEqual(words);
});
