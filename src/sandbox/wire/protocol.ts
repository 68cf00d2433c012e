import { AwsError } from '../contracts.ts';
import type { ServiceDescription } from '../services/service-description.ts';
import type { SignatureFailure } from '../sigv4.ts';
import { decodeJson, encodeJson } from './json.ts';
import { decodeQueryForm } from './query-form.ts';
import { escapeXml, xmlContent } from './xml.ts';

/**
 * The AWS wire protocols of the front: which service and action a request is for, and the form of answers and
 * errors.
 */

/** A complete HTTP answer. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WireProtocol {
  /** `name` of the service's description. */
  readonly service: string;
  /** Throws AwsError for a body that cannot be read. */
  decode(): { readonly action: string; readonly input: Record<string, unknown> };
  answer(action: string, output: unknown, requestId: string): WireAnswer;
  error(error: AwsError, requestId: string): WireAnswer;
  /** The error with which this service answers a request whose signature is not accepted. */
  signatureError(failure: SignatureFailure): AwsError;
  /** The error with which this service answers when IAM refuses. */
  accessDenied(message: string): AwsError;
}

export interface WireRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly target: string | undefined;
  readonly body: Uint8Array;
  /** The service in the credential scope, if the request is signed. */
  readonly scopeService: string | undefined;
}

/** Undefined if the request is for none of the services. */
export function protocolOf(
  request: WireRequest,
  services: readonly ServiceDescription[],
): WireProtocol | undefined {
  const { target, scopeService } = request;
  if (target !== undefined) {
    const dot = target.lastIndexOf('.');
    const prefix = target.slice(0, dot);
    const service = services.find(({ wire }) => wire.kind === 'json' && wire.target === prefix);
    return service === undefined
      ? undefined
      : jsonProtocol(service.name, target.slice(dot + 1), request.body);
  }
  const rest = services.find(({ name, wire }) => wire.kind === 'rest-json' && name === scopeService);
  if (rest?.wire.kind === 'rest-json') {
    const action = rest.wire.routes[`${request.method} ${request.path}`];
    return action === undefined ? undefined : restProtocol(rest.name, action, request);
  }
  const parameters = queryParameters(request);
  const version = parameters.get('Version');
  for (const { name, wire } of services) {
    if (wire.kind === 'json' || wire.kind === 'rest-json' || wire.version !== version) continue;
    if (scopeService !== undefined && scopeService !== name) continue;
    return wire.kind === 'ec2'
      ? ec2Protocol(name, wire.namespace, parameters)
      : queryProtocol(name, wire.namespace, parameters);
  }
  return undefined;
}

function queryParameters(request: WireRequest): URLSearchParams {
  const parameters = new URLSearchParams(
    request.method === 'POST' ? Buffer.from(request.body).toString('utf8') : '',
  );
  for (const [name, value] of request.query) {
    if (!name.startsWith('X-Amz-')) parameters.append(name, value);
  }
  return parameters;
}

const SIGNATURE_MESSAGES: Readonly<Record<SignatureFailure, string>> = {
  missing: 'Request is missing Authentication Token',
  'unknown-key': 'The security token included in the request is invalid.',
  mismatch:
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
  'expired-token': 'The security token included in the request is expired',
  skewed: 'Signature expired: the time of the request is too far from the time of the service',
};

function jsonProtocol(service: string, action: string, body: Uint8Array): WireProtocol {
  const headers = (requestId: string): Record<string, string> => ({
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': requestId,
  });
  const codes: Readonly<Record<SignatureFailure, string>> = {
    missing: 'MissingAuthenticationTokenException',
    'unknown-key': 'UnrecognizedClientException',
    mismatch: 'InvalidSignatureException',
    'expired-token': 'ExpiredTokenException',
    skewed: 'InvalidSignatureException',
  };
  return {
    service,
    decode: () => ({ action, input: decodeJson(body) }),
    answer: (_action, output, requestId) => ({
      status: 200,
      headers: headers(requestId),
      body: encodeJson(output),
    }),
    error: (error, requestId) => ({
      status: error.status,
      headers: headers(requestId),
      body: encodeJson({ __type: error.code, message: error.message }),
    }),
    signatureError: (failure) => new AwsError(codes[failure], SIGNATURE_MESSAGES[failure], 400),
    accessDenied: (message) => new AwsError('AccessDeniedException', message, 400),
  };
}

/** The error's code is in a header, and IAM's refusals have HTTP status 403; the rest is as in AWS JSON. */
function restProtocol(service: string, action: string, { query, body }: WireRequest): WireProtocol {
  const json = jsonProtocol(service, action, body);
  return {
    ...json,
    decode: () => ({ action, input: { ...Object.fromEntries(query), ...decodeJson(body) } }),
    error(error, requestId) {
      const answer = json.error(error, requestId);
      return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': error.code } };
    },
    signatureError: (failure) =>
      new AwsError(json.signatureError(failure).code, SIGNATURE_MESSAGES[failure], 403),
    accessDenied: (message) => new AwsError('AccessDeniedException', message, 403),
  };
}

const xmlHeaders = (requestId: string): Record<string, string> => ({
  'content-type': 'text/xml;charset=UTF-8',
  'x-amzn-requestid': requestId,
});

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';

function decodeAction(parameters: URLSearchParams): { action: string; input: Record<string, unknown> } {
  const { Action: action, Version: _version, ...input } = decodeQueryForm(parameters);
  if (typeof action !== 'string' || action === '') {
    throw new AwsError('MissingAction', 'The request must contain the parameter Action');
  }
  return { action, input };
}

function ec2Protocol(service: string, namespace: string, parameters: URLSearchParams): WireProtocol {
  const codes: Readonly<Record<SignatureFailure, readonly [string, number]>> = {
    missing: ['AuthFailure', 401],
    'unknown-key': ['AuthFailure', 401],
    mismatch: ['SignatureDoesNotMatch', 403],
    'expired-token': ['RequestExpired', 400],
    skewed: ['RequestExpired', 400],
  };
  return {
    service,
    decode: () => decodeAction(parameters),
    answer: (action, output, requestId) => ({
      status: 200,
      headers: xmlHeaders(requestId),
      body:
        `${XML}<${action}Response xmlns="${namespace}"><requestId>${requestId}</requestId>` +
        `${xmlContent(output ?? {}, 'item')}</${action}Response>`,
    }),
    error: (error, requestId) => ({
      status: error.status,
      headers: xmlHeaders(requestId),
      body:
        `${XML}<Response><Errors><Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>` +
        `</Error></Errors><RequestID>${requestId}</RequestID></Response>`,
    }),
    signatureError: (failure) => {
      const [code, status] = codes[failure];
      const message =
        code === 'AuthFailure'
          ? 'AWS was not able to validate the provided access credentials'
          : SIGNATURE_MESSAGES[failure];
      return new AwsError(code, message, status);
    },
    accessDenied: (message) =>
      new AwsError(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. ${message}. ` +
          `Encoded authorization failure message: ${Buffer.from(message).toString('base64url')}`,
        403,
      ),
  };
}

function queryProtocol(service: string, namespace: string, parameters: URLSearchParams): WireProtocol {
  const codes: Readonly<Record<SignatureFailure, string>> = {
    missing: 'MissingAuthenticationToken',
    'unknown-key': 'InvalidClientTokenId',
    mismatch: 'SignatureDoesNotMatch',
    'expired-token': 'ExpiredToken',
    skewed: 'SignatureDoesNotMatch',
  };
  return {
    service,
    decode: () => decodeAction(parameters),
    answer: (action, output, requestId) => ({
      status: 200,
      headers: xmlHeaders(requestId),
      body:
        `${XML}<${action}Response xmlns="${namespace}">` +
        (output === undefined ? '' : `<${action}Result>${xmlContent(output, 'member')}</${action}Result>`) +
        `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`,
    }),
    error: (error, requestId) => ({
      status: error.status,
      headers: xmlHeaders(requestId),
      body:
        `${XML}<ErrorResponse xmlns="${namespace}"><Error><Type>${error.status >= 500 ? 'Receiver' : 'Sender'}</Type>` +
        `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error>` +
        `<RequestId>${requestId}</RequestId></ErrorResponse>`,
    }),
    signatureError: (failure) => new AwsError(codes[failure], SIGNATURE_MESSAGES[failure], 403),
    accessDenied: (message) => new AwsError('AccessDenied', message, 403),
  };
}
