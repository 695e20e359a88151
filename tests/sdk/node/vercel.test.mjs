// The Vercel AI SDK over its own vendors' packages: text, stream, and a tool that it runs itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams } from "./cases.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const baseURL = `${BASE}/v1`;
const vendors = {
  anthropic: createAnthropic({ baseURL, apiKey: KEY }),
  // Without the prefix this package leaves it out of the path of a name that has a slash.
  gemini: (name) => createGoogleGenerativeAI({ baseURL: `${BASE}/v1beta`, apiKey: KEY })(`models/${name}`),
  openai: createOpenAI({ baseURL, apiKey: KEY }).chat,
  responses: createOpenAI({ baseURL, apiKey: KEY }).responses,
};

/** What both functions give in the end. */
async function asked(request, stream) {
  if (!stream) return generateText({ maxRetries: 0, ...request });
  const failed = [];
  const running = streamText({ maxRetries: 0, ...request, onError: ({ error }) => failed.push(error) });
  const [text, steps, finishReason, usage] = await Promise.all([running.text, running.steps, running.finishReason, running.usage]);
  assert.deepEqual(failed, []);
  return { text, steps, finishReason, usage };
}

for (const [vendor, model] of Object.entries(vendors)) {
  for (const upstream of upstreams(vendor)) {
    for (const stream of [false, true]) {
      const how = `${vendor} package ${stream ? "streams from" : "asks"} ${upstream}`;

      test(`vercel: ${how}`, async () => {
        const said = says(upstream, "plain", stream);
        const { text, finishReason, usage } = await asked({ model: model(MODELS[upstream]), prompt: PLAIN }, stream);
        assert.deepEqual([text, finishReason], [said.text, "stop"]);
        assert.deepEqual([usage.inputTokens, usage.outputTokens], [said.input_tokens, said.output_tokens]);
      });

      test(`vercel: ${how}, with a tool`, async () => {
        const call = says(upstream, "tool-call", stream).tool;
        const execute = async () => RESULT;
        const offered = tool({ description: "A tool.", inputSchema: jsonSchema(schema(call.arguments)), execute });
        const tools = { [call.name]: offered };
        const request = { model: model(MODELS[upstream]), prompt: TOOL, tools, stopWhen: stepCountIs(2) };
        const { text, steps } = await asked(request, stream);
        assert.deepEqual(steps[0].toolCalls.map(({ toolName, input }) => ({ name: toolName, arguments: input }))[0], call);
        assert.equal(text, says(upstream, "tool-result", stream).text);
      });
    }
  }
}
