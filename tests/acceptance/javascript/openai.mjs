// The openai package, pointed at the emulator by base URL and key only.
import assert from "node:assert/strict";
import OpenAI from "openai";
import * as ask from "./common.mjs";

const client = new OpenAI({ baseURL: ask.baseURL, apiKey: ask.apiKey, maxRetries: 0 });
const { model } = ask;
const messages = [{ role: "user", content: ask.question }];

const answer = await client.chat.completions.create({ model, messages });
assert.match(answer.choices[0].message.content, /18/);
assert.ok(answer.usage.cost > 0);
console.log("chat", answer.usage.cost, "USD");

const stream = await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true },
});
let text = "";
let usage;
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.match(text, /18/);
assert.ok(usage.cost > 0);
console.log("stream", usage.completion_tokens, "tokens");

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{
  type: "function",
  function: { name: "weather", description: "The weather of a city.", parameters, parse: JSON.parse, function: ask.weather },
}];
const runner = client.chat.completions.runTools({
  model, messages: [{ role: "user", content: ask.weatherQuestion }], tools,
});
assert.match(await runner.finalContent(), /12/);
console.log("tools", runner.messages.map((message) => message.role).join(" "));

const response_format = { type: "json_schema", json_schema: { name: "person", strict: true, schema: ask.personSchema } };
const made = await client.chat.completions.parse({
  model, messages: [{ role: "user", content: ask.personQuestion }], response_format,
});
const person = JSON.parse(made.choices[0].message.content);
assert.deepEqual(Object.keys(person).sort(), ["age", "name"]);
assert.equal(person.age, 36);
console.log("structured", JSON.stringify(person));

const response = await client.responses.create({ model, input: ask.question });
assert.match(response.output_text, /18/);
const vectors = await client.embeddings.create({ model: "openai/text-embedding-3-small", input: ["a", "b"] });
assert.equal(vectors.data.length, 2);
assert.equal(vectors.data[0].embedding.length, 1536);
console.log("responses, embeddings");

await assert.rejects(
  client.chat.completions.create({ model: "openai/no-such-model", messages }),
  (error) => error instanceof OpenAI.NotFoundError && error.status === 404,
);
console.log("errors");
