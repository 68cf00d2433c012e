import { setMaxListeners } from 'node:events';

import { isNamed, propertyOf, stringOf, systemCode, THROTTLED } from './error-names.ts';

/** What a middleware of the SDK is told about the call; the SDK's retries read `abortSignal`. */
interface CallContext {
  readonly __smithy_context?: { abortSignal?: AbortSignal };
}

type Handler = (args: never) => Promise<unknown>;
type Middleware = (next: Handler, context: CallContext) => Handler;

interface MiddlewareStack {
  add(
    middleware: Middleware,
    options: { readonly name: string; readonly step: 'initialize'; readonly priority: 'high' },
  ): void;
}

/**
 * Makes calls end as soon as the run is interrupted while the SDK waits before its next attempt; they reject with the
 * signal's reason. A request that is under way still gets its answer: if it were cut off, AWS could create a resource
 * that nobody has noted. Calls that begin after the interruption belong to the clean-up and are not affected.
 */
export function endRetriesOn<C extends { readonly middlewareStack: object }>(
  client: C,
  signal: AbortSignal | undefined,
): C {
  if (signal === undefined) return client;
  // The SDK listens once for each call that is under way; Node.js would print a warning about more than ten.
  setMaxListeners(0, signal);
  const call: Middleware = (next, context) => async (args) => {
    const { __smithy_context: details } = context;
    if (signal.aborted || details === undefined || details.abortSignal !== undefined) return next(args);
    // Not passed to `send`, because the HTTP handler would then abort requests that are under way.
    details.abortSignal = signal;
    try {
      return await next(args);
    } catch (error) {
      throw signal.aborted && wouldBeRepeated(error) ? signal.reason : error;
    }
  };
  const stack = client.middlewareStack as MiddlewareStack;
  stack.add(call, { name: 'interruption', step: 'initialize', priority: 'high' });
  return client;
}

/**
 * True for what the SDK throws when it ends a wait, and for the answer after which it would have waited: if the signal
 * is aborted before that answer arrives, the SDK throws the answer itself.
 */
const wouldBeRepeated = (error: unknown): boolean =>
  stringOf(error, 'name') === 'AbortError' ||
  isNamed(error, THROTTLED) ||
  systemCode(error) !== undefined ||
  Number(propertyOf(propertyOf(error, '$metadata'), 'httpStatusCode')) >= 500;
