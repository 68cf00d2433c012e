import { ProtocolError } from '../../src/core/errors.ts';

/**
 * The code of the ProtocolError that `work` throws; undefined if it throws nothing. Any other error is a defect and is
 * rethrown.
 */
export function protocolErrorCode(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}
