/** Name of the command that supervises detached forwards; the tool types it, not people. */
export const SUPERVISE = '__supervise';
