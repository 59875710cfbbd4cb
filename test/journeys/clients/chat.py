"""The official PyPI client, given a base URL and a key alone: completes a chat, then streams one. Prints what it got as JSON."""

import json
import sys

from openai import OpenAI

base_url, api_key = sys.argv[1:3]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0)

question = [{"role": "user", "content": "Say exactly: PONG"}]
completion = client.chat.completions.create(model="espalier-demo", messages=question, temperature=0)

streamed = ""
usage = None
with client.chat.completions.create(
    model="espalier-demo",
    messages=[{"role": "user", "content": "Count from 1 to 10"}],
    temperature=0,
    stream=True,
    stream_options={"include_usage": True},
) as stream:
    for chunk in stream:
        if chunk.choices:
            streamed += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage

print(
    json.dumps(
        {
            "models": [model.id for model in client.models.list()],
            "completed": completion.choices[0].message.content,
            "streamed": streamed,
            "streamedTokens": usage.completion_tokens,
        }
    )
)
