import { testCrashes } from './crash-matrix.ts';

testCrashes('down', ['throttled', 'access denied', 'server error', 'not found yet']);
