import { testCrashes } from './crash-matrix.ts';

testCrashes('up', ['killed before', 'killed after']);
