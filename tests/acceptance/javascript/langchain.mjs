// LangChain JS with its OpenAI integration.
import assert from "node:assert/strict";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import * as ask from "./common.mjs";

const settings = { apiKey: ask.apiKey, configuration: { baseURL: ask.baseURL }, maxRetries: 0 };
const model = new ChatOpenAI({ ...settings, model: ask.model, streamUsage: true });

const answer = await model.invoke(ask.question);
assert.match(answer.content, /18/);
assert.ok(answer.usage_metadata.output_tokens > 0);
console.log("invoke", answer.usage_metadata.output_tokens, "tokens");

let whole;
for await (const chunk of await model.stream(ask.question)) whole = whole ? whole.concat(chunk) : chunk;
assert.match(whole.content, /18/);
assert.ok(whole.usage_metadata.output_tokens > 0);
console.log("stream", whole.usage_metadata.output_tokens, "tokens");

const weather = tool(ask.weather, {
  name: "weather",
  description: "The weather of a city.",
  schema: z.object({ city: z.string() }),
});
const bound = model.bindTools([weather]);
const turns = [new HumanMessage(ask.weatherQuestion)];
turns.push(await bound.invoke(turns));
const [call] = turns[1].tool_calls;
assert.equal(call.name, "weather");
turns.push(new ToolMessage({ content: await weather.invoke(call.args), tool_call_id: call.id }));
assert.match((await bound.invoke(turns)).content, /12/);
console.log("tools", JSON.stringify(call.args));

const schema = z.object({ name: z.string(), age: z.number().int() });
for (const method of ["jsonSchema", "functionCalling"]) {
  const person = await model.withStructuredOutput(schema, { method, name: "person" }).invoke(ask.personQuestion);
  assert.equal(person.age, 36);
  console.log("structured", method, JSON.stringify(person));
}

const embeddings = new OpenAIEmbeddings({ ...settings, model: "openai/text-embedding-3-small" });
assert.equal((await embeddings.embedDocuments(["a", "b"])).length, 2);
await assert.rejects(
  new ChatOpenAI({ ...settings, model: "openai/no-such-model" }).invoke(ask.question),
  (error) => error.status === 404,
);
console.log("embeddings, errors");
