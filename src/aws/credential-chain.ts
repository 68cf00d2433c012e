/**
 * Loaded on demand. This is a separate module because a bundled CommonJS package has no named exports behind
 * `import()`.
 */
export { fromIni, fromNodeProviderChain } from '@aws-sdk/credential-providers';
