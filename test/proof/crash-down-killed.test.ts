import { testCrashes } from './crash-matrix.ts';

testCrashes('down', ['killed before', 'killed after']);
