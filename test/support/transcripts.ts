import { readFileSync } from 'node:fs';
import { type AgentMessage, decodeAgentMessage } from '../../src/protocol/agent-message.ts';

type Party = 'client' | 'agent' | 'gateway';

export interface RecordedMessage {
  readonly ms: number;
  readonly from: Party;
  readonly to: Party;
  readonly bytes: Uint8Array;
  readonly message: AgentMessage;
  /** The message never reached its receiver. */
  readonly lost: boolean;
}

export interface Transcript {
  readonly title: string;
  readonly messages: readonly RecordedMessage[];
}

/** A recorded session of the official peers (test/vectors/README.md). */
export function readTranscript(name: string): Transcript {
  const file = new URL(`../vectors/transcripts/${name}.jsonl`, import.meta.url);
  const [title, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return {
    title: (JSON.parse(title!) as { title: string }).title,
    messages: lines.map((line) => {
      const { ms, from, to, frame, lost } = JSON.parse(line) as {
        ms: number;
        from: Party;
        to: Party;
        frame: string;
        lost?: boolean;
      };
      const bytes = Buffer.from(frame, 'base64');
      return { ms, from, to, bytes, message: decodeAgentMessage(bytes), lost: lost === true };
    }),
  };
}
