import { isThrottlingError } from '@smithy/core/retry';

import { ConcurrencyLimit, type Permit } from '../core/concurrency-limit.ts';

/** What a middleware of the SDK is told about the call. */
interface CallContext {
  readonly __smithy_context?: { readonly abortSignal?: AbortSignal };
}

type SdkError = Parameters<typeof isThrottlingError>[0];
type Handler = (args: never) => Promise<unknown>;
type Middleware = (next: Handler, context: CallContext) => Handler;

/** The part of an SDK client that takes middleware; its type differs between the clients of the services. */
interface Client {
  readonly middlewareStack: object;
}

interface MiddlewareStack {
  add(
    middleware: Middleware,
    options: {
      readonly name: string;
      readonly step: 'initialize' | 'deserialize';
      readonly priority: 'high';
    },
  ): void;
}

/**
 * Makes a client run fewer calls at a time from the first one that AWS throttles, and more again while AWS refuses none
 * (`ConcurrencyLimit`). A call keeps its place while the SDK waits before its next attempt, so that the others do not
 * use up their attempts meanwhile. Callers need to do nothing: they may start as many calls as they want.
 *
 * The SDK's retry mode `adaptive` limits the calls per second, but not the calls that compete for them.
 */
export function limitConcurrency<C extends Client>(client: C, limit = new ConcurrencyLimit()): C {
  const permits = new WeakMap<CallContext, Permit>();

  const call: Middleware = (next, context) => async (args) => {
    const permit = await limit.acquire(context.__smithy_context?.abortSignal);
    permits.set(context, permit);
    try {
      return await next(args);
    } finally {
      permit.release();
    }
  };

  // Runs once for each attempt, below the retries and above the code that turns an answer into an error.
  const attempt: Middleware = (next, context) => async (args) => {
    const permit = permits.get(context);
    if (permit !== undefined) limit.attempt(permit);
    try {
      const answer = await next(args);
      limit.succeeded();
      return answer;
    } catch (error) {
      if (permit !== undefined && isThrottlingError(error as SdkError)) limit.refused(permit);
      throw error;
    }
  };

  const stack = client.middlewareStack as MiddlewareStack;
  stack.add(call, { name: 'concurrencyLimit', step: 'initialize', priority: 'high' });
  stack.add(attempt, { name: 'throttlingWatch', step: 'deserialize', priority: 'high' });
  return client;
}
