// The official OpenAI SDK on the Responses API, unmodified but for its base URL and key.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0 });
const whole = (request) => client.responses.create(request);
const streamed = (request) => client.responses.stream(request).finalResponse();

for (const upstream of upstreams("responses")) {
  for (const stream of [false, true]) {
    const request = { model: MODELS[upstream], store: false };
    const ask = stream ? streamed : whole;
    const how = `${upstream}${stream ? ", streamed" : ""}`;

    test(`openai responses from ${how}`, async () => {
      const said = says(upstream, "plain", stream);
      const answer = await ask({ ...request, input: PLAIN });
      assert.deepEqual([answer.output_text, answer.status], [said.text, "completed"]);
      const { input_tokens, output_tokens } = answer.usage;
      assert.deepEqual([input_tokens, output_tokens], [said.input_tokens, said.output_tokens]);
    });

    test(`openai responses call a tool on ${how}`, async () => {
      const { tool } = says(upstream, "tool-call", stream);
      const parameters = schema(tool.arguments);
      const tools = [{ type: "function", name: tool.name, description: "A tool.", parameters, strict: false }];
      const question = { role: "user", content: TOOL };
      const { output } = await ask({ ...request, tools, input: [question] });
      const { call_id, name, arguments: text } = output.find((item) => item.type === "function_call");
      assert.deepEqual({ name, arguments: JSON.parse(text) }, tool);
      const turns = [
        question,
        { type: "function_call", call_id, name, arguments: text },
        { type: "function_call_output", call_id, output: RESULT },
      ];
      const answer = await ask({ ...request, tools, input: turns });
      assert.equal(answer.output_text, says(upstream, "tool-result", stream).text);
    });
  }
}
