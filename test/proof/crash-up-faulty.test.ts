import { testCrashes } from './crash-matrix.ts';

testCrashes('up', ['server error', 'not found yet']);
