// EX-01 TK-01: the tests of the example chat are tests of ours.
import '../../examples/testing/chat.test.ts';
