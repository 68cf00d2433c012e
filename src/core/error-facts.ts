import type { AccountErrorFacts } from './facts/account-facts.ts';
import type { BastionErrorFacts } from './facts/bastion-facts.ts';
import type { CommandLineErrorFacts } from './facts/command-line-facts.ts';
import type { ContainerErrorFacts } from './facts/container-facts.ts';
import type { DatabaseErrorFacts } from './facts/database-facts.ts';
import type { SessionErrorFacts } from './facts/session-facts.ts';

/**
 * Facts of errors, by code; one table for each subject. A code that is in none of them has no advice, because its
 * message says everything.
 */
export interface ErrorFacts
  extends
    AccountErrorFacts,
    ContainerErrorFacts,
    SessionErrorFacts,
    BastionErrorFacts,
    DatabaseErrorFacts,
    CommandLineErrorFacts {}
