import { checkCount, refuseArgument, refuseSurplus } from './call-check.ts';

/**
 * Checks how many arguments `connect` or `ReconnectingClient` got, and that subprotocols are not in the place of options.
 * @throws MisuseError `ERR_ARGUMENT`.
 */
export function checkClientArguments(call: string, args: ArrayLike<unknown>): void {
  const options = args[1];
  const instead = call === 'connect' ? 'await connect(url, options)' : "listen to the event 'open'";
  checkCount(call, args, 2, instead);
  if (typeof options === 'function') refuseSurplus(call, options, instead);
  if (typeof options === 'string' || Array.isArray(options)) {
    const protocols = JSON.stringify(typeof options === 'string' ? [options] : options.map(String));
    refuseArgument(
      call,
      'options',
      options,
      `an object; subprotocols are ${call}(url, { protocols: ${protocols} })`,
    );
  }
}
