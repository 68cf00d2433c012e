import type { Timing } from './contracts.ts';

/** Fast enough for a test suite, and slow enough that a client that does not wait fails. */
export const defaultTiming: Timing = {
  instancePendingMs: 40,
  instanceShutdownMs: 60,
  profilePropagationMs: 50,
  spotNoticeMs: 1000,
  requestDeadlineMs: 30_000,
  taskPendingMs: 300,
  taskStoppingMs: 100,
  execAgentStartMs: 100,
  sessionIdleMs: 20 * 60_000,
  sessionMaxMs: Number.POSITIVE_INFINITY,
  openDataChannelMs: 10_000,
};
