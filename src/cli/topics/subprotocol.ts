/** The subprotocol of topics. */
export const HAWSER_V1 = 'hawser.v1';
