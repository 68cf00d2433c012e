import { describe, expect, it } from 'vitest';
import { CleanupScope } from '../../src/core/cleanup.ts';

/** A scope whose actions record their names; those in `failing` fail. */
function scopeOf(names: readonly string[], failing: readonly string[] = []) {
  const ran: string[] = [];
  const scope = new CleanupScope();
  const now = names.map((name) =>
    scope.add(async () => {
      ran.push(name);
      await Promise.resolve();
      if (failing.includes(name)) throw new Error(name);
    }),
  );
  return { scope, ran, now };
}

describe('the undo actions of a scope', () => {
  it('run in reverse order, once, however often it is closed', async () => {
    const { scope, ran } = scopeOf(['a', 'b', 'c']);
    await Promise.all([scope.close(), scope.close()]);
    await scope[Symbol.asyncDispose]();
    expect(ran).toEqual(['c', 'b', 'a']);
  });

  it('that were run before are not run again', async () => {
    const { scope, ran, now } = scopeOf(['a', 'b']);
    await now[0]?.();
    await now[0]?.();
    await scope.close();
    expect(ran).toEqual(['a', 'b']);
  });

  it('all run if one fails, and its error is thrown', async () => {
    const { scope, ran } = scopeOf(['a', 'b', 'c'], ['b']);
    await expect(scope.close()).rejects.toThrow('b');
    expect(ran).toEqual(['c', 'b', 'a']);
  });

  it('that fail together are named in one error', async () => {
    const { scope } = scopeOf(['a', 'b', 'c'], ['a', 'c']);
    const error: unknown = await scope.close().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).message).toBe('several clean-up steps failed');
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: c', 'Error: a']);
  });
});
