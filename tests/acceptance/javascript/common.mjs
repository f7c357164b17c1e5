// What every script here asks of the emulator, in one place: the answers are in the questions.
export const baseURL = process.env.EMULATOR_URL;
export const apiKey = process.env.EMULATOR_KEY;
export const model = "openai/gpt-4o-mini";
export const question = "The light can be seen from 18 miles. From how far can it be seen?";
export const weatherQuestion = "What is the weather in Oslo?";
export const weather = ({ city }) => `Sunny in ${city}, 12 degrees.`;
export const personQuestion = "Ada is 36 years old. Who is it?";
export const personSchema = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
