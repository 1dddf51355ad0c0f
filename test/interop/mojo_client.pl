# A client with Mojolicious for an echo server. Prints its results as one line of JSON.
use Mojo::Base -strict, -signatures;
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json true false);
use Mojo::UserAgent;
use Mojo::Util qw(encode);

# ca: file with trusted certificates for wss, or empty; deflate: whether to offer permessage-deflate.
my ($url, $ca, $deflate) = @ARGV;
my $ua = Mojo::UserAgent->new;
$ua->ca($ca) if $ca;
my %offer = $deflate ? ('Sec-WebSocket-Extensions' => 'permessage-deflate') : ();
my (%seen, @sizes);

# Each message, its expected answer, and where the result is recorded. With deflate no message is empty: for an empty message
# Mojolicious sends a frame that is marked as compressed but has no block.
my @steps;
for my $size ($deflate ? () : (0, 1), 125, 126, 127, 65_535, 65_536, 1_048_576) {
  my @row = ($size);
  push @steps, [{binary => "\xff" x $size}, sub ($message) { push @row, $message eq "\xff" x $size ? true : false }];
  my $text = "\x{e9}" x int($size / 2);
  push @steps, [{text => encode('UTF-8', $text)}, sub ($message) {
    push @row, $message eq $text ? true : false;
    push @sizes, [@row];
  }];
}

sub dial ($protocols, $cb) {
  $ua->websocket_p($url, {%offer}, $protocols)->then(sub ($tx) {
    $tx->max_websocket_size(2_097_152);
    $cb->($tx);
  })->catch(sub ($error) { die "$error\n" });
}

dial(['v1', 'v2'], sub ($tx) {
  @seen{qw(subprotocol compressed)} = ($tx->protocol, $tx->compressed ? true : false);
  my $check;
  my $next = sub {
    my $step = shift @steps or return $tx->send('ping fromServer', sub { $tx->send('after the ping') });
    $check = $step->[1];
    $tx->send($step->[0]);
  };
  $tx->on(message => sub ($tx, $message) {
    if ($message eq 'after the ping') {
      $seen{after} = $message;
      # Frames of a fragmented message: FIN, three reserved bits, opcode, payload.
      $tx->send([0, 0, 0, 0, 1, 'frag'], sub {
        $tx->send([0, 0, 0, 0, 0, 'men'], sub { $tx->send([1, 0, 0, 0, 0, 'ted']) });
      });
    }
    elsif ($message eq 'fragmented') {
      $seen{fragmented} = $message;
      $tx->finish(4001 => 'bye');
    }
    else { $check->($message); $next->() }
  });
  $tx->on(finish => sub ($tx, $code, $reason) {
    $seen{closed} = [$code, $reason // ''];
    dial([], sub ($tx) {
      $tx->on(finish => sub ($tx, $code, $reason) {
        $seen{closedByServer} = [$code, $reason];
        Mojo::IOLoop->stop_gracefully;
      });
      $tx->send('close 4002 server');
    });
  });
  $next->();
});
Mojo::IOLoop->start;
$seen{sizes} = \@sizes;
say encode_json(\%seen);
