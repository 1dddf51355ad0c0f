// Answers only the client that asks: `{"id":1,"add":[2,3]}` gets `{"id":1,"result":5}`.
import process from 'node:process';
import { type Message, WebSocketServer } from 'hawser';

interface Question {
  readonly id: number;
  readonly add: readonly number[];
}

/** Validates a message from a client before it is used. */
function questionOf(message: Message): Question | undefined {
  if (typeof message !== 'string') return undefined;
  try {
    const { id, add } = JSON.parse(message) as Partial<Question>;
    const fits = Number.isInteger(id) && Array.isArray(add) && add.every((each) => typeof each === 'number');
    return fits ? { id: id as number, add } : undefined;
  } catch {
    return undefined;
  }
}

const server = new WebSocketServer({ maxMessageBytes: 4_096 });
server.on('message', (connection, message) => {
  const question = questionOf(message);
  if (question === undefined) {
    connection.close(1008, 'expected {"id":…,"add":[…]}');
    return;
  }
  const result = question.add.reduce((sum, each) => sum + each, 0);
  connection.send(JSON.stringify({ id: question.id, result }));
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
