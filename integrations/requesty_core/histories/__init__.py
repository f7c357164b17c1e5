"""Turns that other providers or older versions made, as turns of the gateway: pure functions, no IO.

Theory of operation. A conversation may have begun elsewhere, so its turns hold blocks in many forms: OpenAI's Chat and
Responses formats, Anthropic's, Bedrock's Converse, Gemini's, Mistral's, LangChain's standard blocks. ``read_block``
knows them all and says what one block is: a content part, a thought, a refusal, a call, a call's result, a cache mark,
or something that stays behind because it means nothing to another provider (``LeftOut``, with the reason).

Who wrote a turn decides what is done with it. What a user wrote (``user_content``) is sent as it is meant or refused in
one line that names the block; nothing of it is left out. What a model once said (``assistant_turn``) is taken as far as
it goes: text, thoughts and calls go on, a provider's own marks stay behind and are on record. Neither becomes an empty
text, and a Python object never becomes text by its ``repr``.

Frameworks' own block classes are the adapters' affair: they turn them into parts with ``media_part``, or into a mapping
for ``read_block``.
"""
