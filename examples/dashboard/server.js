// Serves a dashboard page. Its values come from `hawser serve --topics`, and any program publishes them with curl:
//
//   node examples/dashboard/server.js     # prints the URL of the page; PORT=0 takes a free port, 8081 is the default
//   hawser serve --topics --allow-subscribe 'metric:*' --history 'metric:*:1' --allowed-origin http://127.0.0.1:8081 --publish-token s3cret
//   curl http://127.0.0.1:8080/topics/metric:cpu -H 'Authorization: Bearer s3cret' --json '{"value":42,"unit":"%"}'
//
// A page that is opened later shows the last value at once: the history of each topic has one message.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const files = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: readFileSync(new URL('page.html', import.meta.url)) }],
  [
    '/hawser.js',
    { type: 'text/javascript', body: readFileSync(fileURLToPath(import.meta.resolve('hawser/browser'))) },
  ],
]);

const server = createServer(({ url = '/' }, response) => {
  const file = files.get(url.split('?')[0] ?? '/');
  if (file === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': file.type }).end(file.body);
});
server.listen(Number(process.env.PORT ?? 8081), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
