# An echo client with Mojolicious. Reconnects until a Close with code 4321.
use Mojo::Base -strict;
use Mojo::IOLoop;
use Mojo::UserAgent;

my $url = shift;
my $agent = Mojo::UserAgent->new(inactivity_timeout => 60);
my $running = 4;
sub visit {
  $agent->websocket($url => {'Sec-WebSocket-Extensions' => 'permessage-deflate'} => sub {
    my ($agent, $tx) = @_;
    return Mojo::IOLoop->next_tick(\&visit) unless $tx->is_websocket;
    $tx->on(text   => sub { my ($tx, $bytes) = @_; $tx->send({text   => $bytes}) });
    $tx->on(binary => sub { my ($tx, $bytes) = @_; $tx->send({binary => $bytes}) });
    $tx->on(finish => sub {
      my ($tx, $code) = @_;
      return Mojo::IOLoop->next_tick(\&visit) unless defined $code && $code == 4321;
      Mojo::IOLoop->stop unless --$running;
    });
  });
}
visit() for 1 .. $running;
Mojo::IOLoop->start;
