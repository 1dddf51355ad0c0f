# An echo server with Mojolicious and permessage-deflate. Prints its port.
use Mojo::Base -strict;
use Mojolicious::Lite;
use Mojo::Server::Daemon;

websocket '/' => sub {
  my $self = shift;
  $self->inactivity_timeout(60);
  $self->tx->with_compression;
  $self->on(text   => sub { my ($self, $bytes) = @_; $self->send({text   => $bytes}) });
  $self->on(binary => sub { my ($self, $bytes) = @_; $self->send({binary => $bytes}) });
};
app->log->level('fatal');
my $daemon = Mojo::Server::Daemon->new(app => app, listen => ['http://127.0.0.1'], silent => 1);
$daemon->start;
$| = 1;
say $daemon->ports->[0];
Mojo::IOLoop->start;
