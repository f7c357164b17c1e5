// The vendor's own provider for the AI SDK, pointed at the emulator by base URL and key only.
import assert from "node:assert/strict";
import { createRequesty } from "@requesty/ai-sdk";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const requesty = createRequesty({ baseURL: process.env.EMULATOR_URL, apiKey: process.env.EMULATOR_KEY });
const model = requesty.chat("openai/gpt-4o-mini");
const prompt = "The light can be seen from 18 miles. From how far can it be seen?";

const answer = await generateText({ model, prompt });
assert.match(answer.text, /18/);
assert.equal(answer.finishReason, "stop");
assert.ok(answer.usage.outputTokens > 0);
console.log("generateText", JSON.stringify(answer.providerMetadata));

const stream = streamText({ model, prompt });
let text = "";
for await (const piece of stream.textStream) text += piece;
assert.match(text, /18/);
assert.ok((await stream.usage).outputTokens > 0);
console.log("streamText", JSON.stringify(await stream.providerMetadata));

const weather = tool({
  description: "The weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Sunny in ${city}, 12 degrees.`,
});
const question = "What is the weather in Oslo?";
const loop = await generateText({ model, prompt: question, tools: { weather }, stopWhen: stepCountIs(3) });
assert.equal(loop.steps[0].toolCalls[0].toolName, "weather");
assert.match(loop.text, /12/);
console.log("tools", loop.steps.length, "steps");

const streamed = streamText({ model, prompt: question, tools: { weather }, stopWhen: stepCountIs(3) });
await streamed.consumeStream();
assert.match(await streamed.text, /12/);
console.log("streamed tools", (await streamed.steps).length, "steps");

// The provider sends a schema as plain `json_object`, so what comes back is any JSON object.
const object = await generateText({ model, prompt: `${prompt} Answer in json.`, providerOptions: { requesty: { user: "u" } } });
assert.ok(object.text.length > 0);
console.log("provider options");

await assert.rejects(
  generateText({ model: requesty.chat("openai/no-such-model"), prompt, maxRetries: 0 }),
  (error) => error.statusCode === 404,
);
console.log("errors");
