/** Loaded on demand. A module of its own because a bundled CommonJS package has no named exports behind `import()`. */
export { fromNodeProviderChain } from '@aws-sdk/credential-providers';
