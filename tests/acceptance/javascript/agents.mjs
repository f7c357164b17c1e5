// The OpenAI Agents SDK, over chat completions and over responses.
import assert from "node:assert/strict";
import {
  Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled, tool,
} from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import * as ask from "./common.mjs";

setTracingDisabled(true);
const client = new OpenAI({ baseURL: ask.baseURL, apiKey: ask.apiKey, maxRetries: 0 });
const weather = tool({
  name: "weather",
  description: "The weather of a city.",
  parameters: z.object({ city: z.string() }),
  execute: async (input) => ask.weather(input),
});
const runner = new Runner();

for (const Model of [OpenAIChatCompletionsModel, OpenAIResponsesModel]) {
  const model = new Model(client, ask.model);
  const plain = new Agent({ name: "Plain", instructions: "Answer briefly.", model });
  const answer = await runner.run(plain, ask.question);
  assert.match(answer.finalOutput, /18/);

  const stream = await runner.run(plain, ask.question, { stream: true });
  let text = "";
  for await (const piece of stream.toTextStream()) text += piece;
  await stream.completed;
  assert.match(text, /18/);

  const helper = new Agent({ name: "Helper", instructions: "Use the tools.", model, tools: [weather] });
  const found = await runner.run(helper, ask.weatherQuestion);
  assert.match(found.finalOutput, /12/);
  assert.ok(found.newItems.some((item) => item.type === "tool_call_output_item"));

  const outputType = z.object({ name: z.string(), age: z.number().int() });
  const reader = new Agent({ name: "Reader", instructions: "Say who it is.", model, outputType });
  const made = await runner.run(reader, ask.personQuestion);
  assert.equal(made.finalOutput.age, 36);
  console.log(Model.name, "chat, stream, tools, structured", JSON.stringify(made.finalOutput));
}
