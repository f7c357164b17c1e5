// Vercel's ai package with its OpenAI-compatible provider.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as ai from "ai";
import { z } from "zod";
import * as ask from "./common.mjs";

const provider = createOpenAICompatible({
  name: "requesty", baseURL: ask.baseURL, apiKey: ask.apiKey, includeUsage: true, supportsStructuredOutputs: true,
});
const model = provider(ask.model);

const answer = await ai.generateText({ model, prompt: ask.question });
assert.match(answer.text, /18/);
assert.ok(answer.usage.outputTokens > 0);
console.log("generateText", answer.usage.outputTokens, "tokens");

const stream = ai.streamText({ model, prompt: ask.question });
let text = "";
for await (const piece of stream.textStream) text += piece;
assert.match(text, /18/);
assert.ok((await stream.usage).outputTokens > 0);
console.log("streamText", (await stream.usage).outputTokens, "tokens");

const weather = ai.tool({
  description: "The weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async (input) => ask.weather(input),
});
const upTo = ai.stepCountIs ?? ai.isStepCount;
const loop = await ai.generateText({ model, prompt: ask.weatherQuestion, tools: { weather }, stopWhen: upTo(3) });
assert.equal(loop.steps[0].toolCalls[0].toolName, "weather");
assert.match(loop.text, /12/);
const streamed = ai.streamText({ model, prompt: ask.weatherQuestion, tools: { weather }, stopWhen: upTo(3) });
assert.match(await streamed.text, /12/);
console.log("tools", loop.steps.length, "steps, streamed", (await streamed.steps).length);

const schema = z.object({ name: z.string(), age: z.number().int() });
const made = await ai.generateText({
  model, prompt: ask.personQuestion, output: ai.Output.object({ schema }),
});
assert.equal(made.output.age, 36);
console.log("structured", JSON.stringify(made.output));

await assert.rejects(
  ai.generateText({ model: provider("openai/no-such-model"), prompt: ask.question, maxRetries: 0 }),
  (error) => error.statusCode === 404,
);
console.log("errors");
