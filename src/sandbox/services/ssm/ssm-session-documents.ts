import { AwsError } from '../../contracts.ts';
import type { SessionPlan } from '../../gateway/session-plan.ts';

/**
 * Session documents: those of AWS, those that an account may add, and how parameters turn a document into a session's
 * plan (docs/reference/session-manager.md §1, §5).
 */

export type SessionType = SessionPlan['type'];

export interface DocumentParameter {
  readonly type: string;
  readonly description?: string;
  readonly default?: string;
  readonly allowedPattern?: string;
  readonly allowedValues?: readonly string[];
}

export interface SessionDocument {
  readonly name: string;
  readonly sessionType: SessionType;
  readonly description: string;
  readonly parameters: Readonly<Record<string, DocumentParameter>>;
  readonly properties: unknown;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export type StartParameters = Readonly<Record<string, readonly string[]>>;

/** The account's preferences; used when StartSession names no document. */
export const DEFAULT_DOCUMENT = 'SSM-SessionManagerRunShell';

const SESSION_TYPES: readonly SessionType[] = [
  'Standard_Stream',
  'InteractiveCommands',
  'NonInteractiveCommands',
  'Port',
];

const PORT_PATTERN =
  '^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';
/** A local port may be 0 or empty: the client then chooses one. */
const LOCAL_PORT_PATTERN =
  '^(|[0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';
const HOST_PATTERN = '^[^,$^&\\(\\)!;\'"<>`{}\\[\\]|#=\\s]{1,}$';
const OUTPUT_PREFIX_PATTERN = '^[0-9a-zA-Z\\r\\n_:-]{0,30}$';

const parameter = (description: string, of: Partial<DocumentParameter> = {}): DocumentParameter => ({
  type: 'String',
  description,
  ...of,
});
const remotePort = (port: string): DocumentParameter =>
  parameter('Port on the target', { default: port, allowedPattern: PORT_PATTERN });
const localPort = parameter('Port on the local machine; 0 or empty chooses one', {
  default: '0',
  allowedPattern: LOCAL_PORT_PATTERN,
});

const FORWARDED = {
  portNumber: '{{ portNumber }}',
  type: 'LocalPortForwarding',
  localPortNumber: '{{ localPortNumber }}',
};

const owned = (
  name: string,
  sessionType: SessionType,
  description: string,
  parameters: SessionDocument['parameters'],
  properties: unknown,
): SessionDocument => ({ name, sessionType, description, parameters, properties, inputs: {} });

const command = parameter('The command to run');

/** AWS's own documents; their ARNs have an empty account. */
export const AWS_DOCUMENTS: readonly SessionDocument[] = [
  owned(
    'AWS-StartPortForwardingSession',
    'Port',
    'Forward a port of the target',
    { portNumber: remotePort('80'), localPortNumber: localPort },
    FORWARDED,
  ),
  owned(
    'AWS-StartPortForwardingSessionToRemoteHost',
    'Port',
    'Forward a port of a host that the target reaches',
    {
      host: parameter('Name or address', { default: 'localhost', allowedPattern: HOST_PATTERN }),
      portNumber: remotePort('80'),
      localPortNumber: localPort,
    },
    { host: '{{ host }}', ...FORWARDED },
  ),
  owned(
    'AWS-StartSSHSession',
    'Port',
    'Connect standard input and output to a port of the target',
    { portNumber: remotePort('22') },
    { portNumber: '{{ portNumber }}' },
  ),
  owned(
    'AWS-StartInteractiveCommand',
    'InteractiveCommands',
    'Run a command on a terminal',
    { command },
    { linux: { commands: '{{ command }}' } },
  ),
  owned(
    'AWS-StartNonInteractiveCommand',
    'NonInteractiveCommands',
    'Run a command without a terminal',
    {
      command,
      separateOutputStream: parameter('Standard error apart', {
        default: 'false',
        allowedValues: ['true', 'false'],
      }),
      stdOutSeparatorPrefix: parameter('Before standard output', {
        default: '',
        allowedPattern: OUTPUT_PREFIX_PATTERN,
      }),
      stdErrSeparatorPrefix: parameter('Before standard error', {
        default: '',
        allowedPattern: OUTPUT_PREFIX_PATTERN,
      }),
    },
    {
      linux: {
        commands: '{{ command }}',
        separateOutputStream: '{{ separateOutputStream }}',
        stdOutSeparatorPrefix: '{{ stdOutSeparatorPrefix }}',
        stdErrSeparatorPrefix: '{{ stdErrSeparatorPrefix }}',
      },
    },
  ),
];

/** The document of a session if the account has set no preferences. */
export const DEFAULT_SHELL: SessionDocument = {
  ...owned(DEFAULT_DOCUMENT, 'Standard_Stream', 'Standard shell', {}, {}),
};

/** Reads the Content of CreateDocument, JSON only. Throws AwsError `InvalidDocumentContent`. */
export function readSessionDocument(name: string, content: string): SessionDocument {
  const invalid = (why: string): AwsError =>
    new AwsError('InvalidDocumentContent', `JSON not well-formed or not a session document: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'not readable');
  }
  const document = record(value);
  if (document === undefined) throw invalid('not an object');
  if (document['schemaVersion'] !== '1.0') throw invalid('schemaVersion must be 1.0');
  const sessionType = SESSION_TYPES.find((type) => type === document['sessionType']);
  if (sessionType === undefined) throw invalid(`sessionType must be one of ${SESSION_TYPES.join(', ')}`);
  const description = document['description'];
  return {
    name,
    sessionType,
    description: typeof description === 'string' ? description : '',
    parameters: readParameters(record(document['parameters']) ?? {}),
    properties: document['properties'] ?? {},
    inputs: record(document['inputs']) ?? {},
  };
}

function readParameters(
  parameters: Readonly<Record<string, unknown>>,
): Readonly<Record<string, DocumentParameter>> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const of = record(value) ?? {};
      const { description, default: fallback, allowedPattern, allowedValues } = of;
      return [
        name,
        {
          type: 'String',
          ...(typeof description === 'string' ? { description } : {}),
          ...(fallback === undefined || fallback === null ? {} : { default: text(fallback) }),
          ...(typeof allowedPattern === 'string' ? { allowedPattern } : {}),
          ...(Array.isArray(allowedValues) ? { allowedValues: allowedValues.map(text) } : {}),
        },
      ];
    }),
  );
}

/** The plan of a session. Throws AwsError `InvalidParameters` for unknown, missing, or refused parameters. */
export function planSession(document: SessionDocument, given: StartParameters): SessionPlan {
  const values = resolveParameters(document, given);
  const properties = substitute(document.properties, values);
  const linux = record(record(properties)?.['linux']) ?? {};
  switch (document.sessionType) {
    case 'Standard_Stream':
      return { type: 'Standard_Stream' };
    case 'InteractiveCommands':
      return { type: 'InteractiveCommands', command: requiredCommand(linux) };
    case 'NonInteractiveCommands':
      return {
        type: 'NonInteractiveCommands',
        command: requiredCommand(linux),
        separateOutput: text(linux['separateOutputStream'] ?? 'false') === 'true',
        stdOutPrefix: text(linux['stdOutSeparatorPrefix'] ?? ''),
        stdErrPrefix: text(linux['stdErrSeparatorPrefix'] ?? ''),
      };
    case 'Port':
      return {
        type: 'Port',
        properties: Object.fromEntries(
          Object.entries(record(properties) ?? {}).map(([name, value]) => [name, text(value)]),
        ),
      };
    default:
      return document.sessionType satisfies never;
  }
}

const invalidParameters = (message: string): AwsError => new AwsError('InvalidParameters', message);

function resolveParameters(
  document: SessionDocument,
  given: StartParameters,
): Readonly<Record<string, string>> {
  for (const name of Object.keys(given))
    if (document.parameters[name] === undefined)
      throw invalidParameters(`Parameter "${name}" is not defined in document ${document.name}.`);
  return Object.fromEntries(
    Object.entries(document.parameters).map(([name, rule]) => {
      const values = given[name];
      if (values !== undefined && values.length !== 1)
        throw invalidParameters(`Parameter "${name}" takes exactly one value.`);
      const value = values?.[0] ?? rule.default;
      if (value === undefined) throw invalidParameters(`Parameter "${name}" requires a value.`);
      if (rule.allowedPattern !== undefined && !new RegExp(rule.allowedPattern).test(value))
        throw invalidParameters(
          `Parameter "${name}" has value "${value}" not matching "${rule.allowedPattern}".`,
        );
      if (rule.allowedValues !== undefined && !rule.allowedValues.includes(value))
        throw invalidParameters(
          `Parameter "${name}" has value "${value}" not among ${rule.allowedValues.join(', ')}.`,
        );
      return [name, value];
    }),
  );
}

function substitute(value: unknown, values: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\{\{\s*([\w-]+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
  if (Array.isArray(value)) return value.map((item) => substitute(item, values));
  const struct = record(value);
  if (struct === undefined) return value;
  return Object.fromEntries(Object.entries(struct).map(([name, item]) => [name, substitute(item, values)]));
}

function requiredCommand(linux: Readonly<Record<string, unknown>>): string {
  const commands = text(linux['commands'] ?? '');
  if (commands.trim() === '') throw invalidParameters('The command must not be empty.');
  return commands;
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** Values in documents are strings; authors may have written numbers or booleans. */
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
