import { testCrashes } from './crash-matrix.ts';

testCrashes('up', ['throttled', 'access denied']);
