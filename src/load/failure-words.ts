/** One sentence for each error code of DNS, TCP and TLS. `{}` stands for the peer. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: '{} refuses connections: no server listens there',
  ECONNRESET: '{} reset the connection',
  EPIPE: '{} closed the connection',
  ETIMEDOUT: '{} does not answer',
  EHOSTUNREACH: 'there is no route to {}',
  ENETUNREACH: 'there is no route to {}: is this machine online?',
  EADDRNOTAVAIL: 'this machine has no free port or no suitable address for a connection to {}',
  EACCES: 'this machine does not allow a connection to {}',
  EPERM: 'this machine does not allow a connection to {}',
  ENOENT: 'there is no socket at {}',
  ENOTSOCK: '{} is not a socket',
  ENOTFOUND: 'the host name of {} does not exist',
  EAI_AGAIN: 'the host name of {} cannot be resolved now: the name server does not answer',
  EMFILE: 'this process has too many open files and sockets for a connection to {}; raise ulimit -n',
  // OpenSSL's codes for an answer that is not TLS.
  ERR_SSL_WRONG_VERSION_NUMBER: '{} does not speak TLS on this port: use ws:// instead of wss://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: '{} does not speak TLS on this port: use ws:// instead of wss://',
};
/** Codes of a rejected certificate. */
const CERTIFICATE =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|ERR_TLS_CERT_)/;
/** Certificate errors that another trusted authority does not solve. */
const NOT_OF_TRUST =
  /^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/;

/**
 * Describes a network failure in one plain sentence.
 * @param peer The unreachable peer, as shown to the user.
 * @returns `undefined` for other failures.
 */
export function networkWords(error: unknown, peer: string): string | undefined {
  const { code, message } = codeOf(error);
  if (code === undefined) return undefined;
  if (CERTIFICATE.test(code)) {
    const trust = NOT_OF_TRUST.test(code) ? '' : ' --ca sets the authority to trust, and';
    return `the certificate of ${peer} is not accepted: ${message} (${code});${trust} --insecure accepts any certificate`;
  }
  const says = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  return says === undefined ? undefined : `${says.replace('{}', peer)} (${code})`;
}

/** The code and message of an error. If several addresses failed, those of the first. */
function codeOf(error: unknown): { readonly code?: string; readonly message: string } {
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  if (!(first instanceof Error)) return { message: '' };
  const code: unknown = Reflect.get(first, 'code');
  return { message: first.message, ...(typeof code === 'string' ? { code } : {}) };
}
