import { usage } from '../../core/errors.ts';

/**
 * Behaviour that was measured on the official agent and that an ideal agent would not have. The sandbox's agent has
 * all of these traits unless some are turned off; BEHAVIOUR-sessions.md ("Traits of the agent") says what each does
 * to a session.
 */
export const AGENT_TRAITS = [
  /**
   * A command without a terminal: after its channel was paused, the agent stops reading its output; the exit code is
   * still sent.
   */
  'output-ends-at-pause',
  /** A command without a terminal: up to three final bytes that do not form a whole UTF-8 character are dropped. */
  'partial-character-dropped',
  /** Input is handled one message at a time, and acknowledged when the pty or the connection has taken it. */
  'acknowledged-when-handled',
  /**
   * A message whose acknowledgement was lost in a dead socket is still expected: when the client repeats it, it is
   * handled again.
   */
  'handled-twice',
  /** The end of data in one direction of a forwarded connection ends the whole connection. */
  'no-half-close',
] as const;

export type AgentTrait = (typeof AGENT_TRAITS)[number];

/** The traits that one agent has. */
export type AgentTraits = ReadonlySet<AgentTrait>;

export const agentTraits = (without: readonly AgentTrait[] = []): AgentTraits =>
  new Set(AGENT_TRAITS.filter((trait) => !without.includes(trait)));

const isTrait = (name: string): name is AgentTrait => (AGENT_TRAITS as readonly string[]).includes(name);

/** Reads the names of traits from a command line. Throws usage `bad-arguments`. */
export function parseAgentTraits(names: readonly string[]): readonly AgentTrait[] {
  return names.map((name) => {
    if (isTrait(name)) return name;
    throw usage(
      'bad-arguments',
      `the sandbox's agent has no trait "${name}"; it has ${AGENT_TRAITS.join(', ')}`,
    );
  });
}
