// EX-01 TK-01: the tests of the example chat also run in this suite.
import '../../examples/testing/chat.test.ts';
