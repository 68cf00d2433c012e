import { formatArn, parseArn } from '../../../core/arn.ts';
import { createHash } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { optionalText, requiredText, structList } from '../members.ts';
import {
  AWS_DOCUMENTS,
  DEFAULT_DOCUMENT,
  DEFAULT_SHELL,
  readSessionDocument,
  type SessionDocument,
} from './ssm-session-documents.ts';

/** The account's own session documents beside those of AWS, and the operations on them. */

interface StoredDocument {
  readonly document: SessionDocument;
  readonly content: string;
  readonly format: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

export interface DocumentAccount {
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
}

type Input = Readonly<Record<string, unknown>>;

const MAX_DOCUMENTS = 500;
const NAME_PATTERN = /^[a-zA-Z0-9_.-]{3,128}$/;
const RESERVED_PREFIX = /^(aws|amazon|amzn|AWSEC2|AWSConfigRemediation|AWSSupport)/i;

export class DocumentStore {
  readonly #account: DocumentAccount;
  readonly #stored = new Map<string, StoredDocument>();

  constructor(account: DocumentAccount) {
    this.#account = account;
  }

  /** Names of the account's own documents, sorted. */
  get names(): readonly string[] {
    return [...this.#stored.keys()].sort();
  }

  /**
   * The document for a name or ARN; without one, the account's preferences, or a plain shell if it has none. Throws
   * `InvalidDocument`.
   */
  forSession(identifier: string | undefined): SessionDocument {
    const name = documentName(identifier ?? DEFAULT_DOCUMENT);
    const own = this.#stored.get(name)?.document;
    if (own !== undefined) return own;
    if (name === DEFAULT_DOCUMENT) return DEFAULT_SHELL;
    const shipped = AWS_DOCUMENTS.find((document) => document.name === name);
    if (shipped === undefined)
      throw new AwsError('InvalidDocument', `Document with name ${name} does not exist.`);
    return shipped;
  }

  /** The ARNs of AWS's own documents have an empty account (docs/reference/session-manager.md §1). */
  arn(identifier: string | undefined): string {
    const name = documentName(identifier ?? DEFAULT_DOCUMENT);
    const isShipped = AWS_DOCUMENTS.some((document) => document.name === name) || name.startsWith('AWS-');
    return formatArn({
      service: 'ssm',
      region: this.#account.region,
      account: isShipped ? '' : this.#account.accountId,
      resource: `document/${name}`,
    });
  }

  get operations(): Operations {
    const check = (action: string, input: Input): readonly AuthorizationCheck[] => [
      {
        action: `ssm:${action}`,
        resource: this.arn(requiredText(input, 'Name')),
        context: { 'ssm:DocumentType': 'Session' },
      },
    ];
    return {
      CreateDocument: {
        authorize: (input) => check('CreateDocument', input),
        run: (input) => ({ DocumentDescription: this.#describe(this.#create(input)) }),
      },
      UpdateDocument: {
        authorize: (input) => check('UpdateDocument', input),
        run: (input) => ({ DocumentDescription: this.#describe(this.#update(input)) }),
      },
      DeleteDocument: {
        authorize: (input) => check('DeleteDocument', input),
        run: (input) => {
          const { document } = this.#own(input);
          this.#stored.delete(document.name);
          return {};
        },
      },
      GetDocument: {
        authorize: (input) => check('GetDocument', input),
        run: (input) => {
          const stored = this.#own(input);
          return {
            Name: stored.document.name,
            CreatedDate: stored.createdAt,
            DocumentVersion: String(stored.version),
            Status: 'Active',
            Content: stored.content,
            DocumentType: 'Session',
            DocumentFormat: stored.format,
          };
        },
      },
      DescribeDocument: {
        authorize: (input) => check('DescribeDocument', input),
        run: (input) => ({ Document: this.#describe(this.#own(input)) }),
      },
    };
  }

  #own(input: Input): StoredDocument {
    const name = documentName(requiredText(input, 'Name'));
    const stored = this.#stored.get(name);
    if (stored === undefined)
      throw new AwsError('InvalidDocument', `Document with name ${name} does not exist.`);
    return stored;
  }

  #create(input: Input): StoredDocument {
    const name = requiredText(input, 'Name');
    if (!NAME_PATTERN.test(name) || RESERVED_PREFIX.test(name))
      throw new AwsError('ValidationException', `Document name ${name} is not allowed.`);
    if (this.#stored.has(name))
      throw new AwsError('DocumentAlreadyExists', `Document with same name ${name} already exists`);
    if (this.#stored.size >= MAX_DOCUMENTS)
      throw new AwsError('DocumentLimitExceeded', `At most ${MAX_DOCUMENTS} documents.`);
    if (requiredText(input, 'DocumentType') !== 'Session')
      throw new AwsError('ValidationException', 'Only documents of type Session are known here.');
    const tags = structList(input, 'Tags').map((tag) => ({
      Key: requiredText(tag, 'Key'),
      Value: optionalText(tag, 'Value') ?? '',
    }));
    return this.#store(name, input, 1, tags);
  }

  #update(input: Input): StoredDocument {
    const before = this.#own(input);
    if (requiredText(input, 'Content') === before.content)
      throw new AwsError(
        'DuplicateDocumentContent',
        'The content of the association document matches another document.',
      );
    return this.#store(before.document.name, input, before.version + 1, before.tags);
  }

  #store(name: string, input: Input, version: number, tags: StoredDocument['tags']): StoredDocument {
    const content = requiredText(input, 'Content');
    const format = optionalText(input, 'DocumentFormat') ?? 'JSON';
    if (format !== 'JSON')
      throw new AwsError('ValidationException', 'Only documents in JSON are known here.');
    const stored: StoredDocument = {
      document: readSessionDocument(name, content),
      content,
      format,
      version,
      createdAt: new Date(this.#account.clock.now()),
      tags,
    };
    this.#stored.set(name, stored);
    return stored;
  }

  #describe(stored: StoredDocument): unknown {
    const { document } = stored;
    return {
      Name: document.name,
      Owner: this.#account.accountId,
      CreatedDate: stored.createdAt,
      Status: 'Active',
      DocumentVersion: String(stored.version),
      LatestVersion: String(stored.version),
      DefaultVersion: '1',
      Description: document.description,
      Parameters: Object.entries(document.parameters).map(([name, rule]) => ({
        Name: name,
        Type: rule.type,
        Description: rule.description ?? '',
        ...(rule.default === undefined ? {} : { DefaultValue: rule.default }),
      })),
      PlatformTypes: ['Windows', 'Linux', 'MacOS'],
      DocumentType: 'Session',
      SchemaVersion: '1.0',
      DocumentFormat: stored.format,
      Hash: createHash('sha256').update(stored.content).digest('hex'),
      HashType: 'Sha256',
      Tags: stored.tags,
    };
  }
}

/** The name of a document that is given by name or ARN. */
const documentName = (identifier: string): string =>
  parseArn(identifier)?.resource.replace(/^document\//, '') ?? identifier;
