"""Which model an id means, whoever hosts it: the one place that knows how hosts spell models.

The prefix of an id names the host, not the maker (wire contract of the gateway, model ids), and the same model is
spelled in many ways: ``anthropic/claude-sonnet-4-5``, ``bedrock/claude-sonnet-4-5@eu-central-1``,
``claude-sonnet-4-5@eu``,
``coding/claude-4-sonnet``, ``deepinfra/Qwen/Qwen3-32B``. Rules, windows and profiles belong to the model, so they are
looked up by its identity; ids themselves are always sent as the caller wrote them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from requesty_core.values import Value

from .model_id import DEDICATED_PREFIXES

__all__ = ["Identity", "identify"]


class Identity(Value, frozen=True):
    """One model and how an id asks for it.

    Attributes:
        maker: who made it (``openai``, ``anthropic``, ``alibaba``, …); ``None`` if the name does not tell.
        model: canonical name in lower case, without host, region, variant, date and quantisation.
        snapshot: the date or version the name pins (``2024-08-06``, ``latest``), if any.
        host: prefix of the id, i.e. who runs it; ``None`` for managed ids.
        route: ``openai-responses`` where the id asks for that way of the host, else ``None``.
        region: text after the last ``@``, in lower case.
        variant: text after the last ``:`` (effort, tier, budget), in lower case.
        quantization: how the weights are stored (``fp8``), where the name says so.
        dedicated: the application an id is tuned for (``coding``, ``cline``).
    """

    maker: str | None
    model: str
    snapshot: str | None = None
    host: str | None = None
    route: str | None = None
    region: str | None = None
    variant: str | None = None
    quantization: str | None = None
    dedicated: str | None = None

    @property
    def canonical(self) -> str:
        """``maker/model``, or the model alone where the maker is unknown."""
        return self.model if self.maker is None else f"{self.maker}/{self.model}"


#: Beginnings of canonical names and their makers; the longest that fits as a whole word decides.
_NAMES: dict[str, str] = {
    name: maker
    for maker, names in {
        "openai": "gpt chatgpt o1 o3 o4 codex text-embedding whisper tts dall-e davinci babbage computer-use "
        "omni-moderation",
        "anthropic": "claude",
        "google": "gemini gemma imagen veo lyria palm text-bison embedding-gemma embeddinggemma learnlm",
        "xai": "grok",
        "mistral": "mistral mixtral open-mistral open-mixtral codestral devstral magistral ministral pixtral leanstral "
        "voxtral mathstral",
        "deepseek": "deepseek",
        "alibaba": "qwen qwq qvq tongyi gte",
        "moonshot": "kimi moonshot",
        "zai": "glm chatglm",
        "minimax": "minimax abab",
        "meta": "llama llamaguard codellama muse-glimmer",
        "nvidia": "nemotron llama-3.1-nemotron llama-3.3-nemotron llama-nemotron nv-embed",
        "amazon": "nova titan",
        "cohere": "command c4ai embed-english embed-multilingual rerank aya north",
        "perplexity": "sonar r1-1776",
        "tencent": "hunyuan hy3 hy4",
        "bytedance": "seed doubao",
        "xiaomi": "mimo",
        "inclusionai": "ling ring",
        "kwaipilot": "kat",
        "stepfun": "step",
        "poolside": "laguna malibu",
        "sakana": "fugu",
        "thinkingmachines": "inkling",
        "microsoft": "phi wizardlm mai",
        "ai21": "jamba",
        "nousresearch": "hermes nous-hermes openhermes",
        "upstage": "solar",
        "typesafe": "jev",
        "01ai": "yi",
        "tii": "falcon",
        "ibm": "granite",
        "baidu": "ernie",
    }.items()
    for name in names.split()
}
#: Hosts and vendor segments that are makers, where their word differs from the maker's name or names it outright.
_MAKERS = {
    "openai": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "xai": "xai",
    "x-ai": "xai",
    "mistral": "mistral",
    "mistralai": "mistral",
    "deepseek": "deepseek",
    "deepseek-ai": "deepseek",
    "qwen": "alibaba",
    "alibaba": "alibaba",
    "moonshot": "moonshot",
    "moonshotai": "moonshot",
    "zai": "zai",
    "z-ai": "zai",
    "zai-org": "zai",
    "zhipuai": "zai",
    "minimax": "minimax",
    "minimaxi": "minimax",
    "minimaxai": "minimax",
    "meta": "meta",
    "meta-llama": "meta",
    "nvidia": "nvidia",
    "amazon": "amazon",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "tencent": "tencent",
    "bytedance-seed": "bytedance",
    "poolside": "poolside",
    "microsoft": "microsoft",
    "typesafe": "typesafe",
}
_BEDROCK = re.compile(r"^(?:(?:us|eu|apac|jp|au|global|us-gov)\.)?([a-z0-9-]+)\.(?=[a-z])")
#: ``-v1:0`` at the end of Amazon's names, whose colon begins no variant.
_BEDROCK_VERSION = re.compile(r"(?<=-\d{8})-v\d+(:\d+)?$|-v\d+:\d+$")
_QUANTIZATION = re.compile(r"-(fp(?:4|6|8|16|32)|bf16|nvfp4|mxfp4|int[48]|awq|gptq|gguf|w4a16|w8a8)$")
_SNAPSHOT = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$")
_SIZES = "opus|sonnet|haiku|fable|mythos"
_CLAUDE_OLD_ORDER = re.compile(rf"^claude-([4-9]|\d\d)(?:-(\d))?-({_SIZES})(?=-|$)")
_CLAUDE_ZERO = re.compile(rf"^(claude-(?:{_SIZES})-\d+)-0$")
_GLM_DASHED = re.compile(r"^glm-(\d)-(\d)(?=-|$)")
#: A host's or vendor's name that is glued to the front of the model's.
_GLUED = re.compile(
    r"^(?:parasail-|nvidia-(?=nemotron)|meta-(?=llama)|zai-(?=glm)|qwen-(?=qwq)|moonshotai-(?=kimi)|openai-(?=gpt|o\d))"
)


def identify(model: str) -> Identity | None:
    """The identity of any model id; ``None`` for policies, which may use any model, and for text that is no id.

    Never fails: what a name does not tell stays ``None``, and an unknown name is its own identity.
    """
    return _identify(model) if isinstance(model, str) and model.strip() else None


@lru_cache(maxsize=2048)
def _identify(text: str) -> Identity | None:
    *segments, name = text.strip().lower().split("/")
    if segments and segments[0] == "policy":
        return None
    # A slash at the end leaves no name; the last segment that says something is it.
    while not name and segments:
        name = segments.pop()
    if not name:
        return None
    name, region = _cut(name, "@")
    name = _BEDROCK_VERSION.sub("", name)
    name, variant = _fine_tuned(name) if name.startswith("ft:") else _cut(name, ":")
    host, vendors = (segments[0], segments[1:]) if segments else (None, [])
    name, vendor = _vendor_of_bedrock(name)
    name, quantization = _strip(name, _QUANTIZATION)
    name, snapshot = _strip(name, _SNAPSHOT)
    name = _spelling(name)
    return Identity(
        maker=_maker(name, [*([vendor] if vendor else []), *reversed(vendors), *([host] if host else [])]),
        model=name,
        snapshot=snapshot,
        host=host,
        route="openai-responses" if "openai-responses" in segments else None,
        region=region,
        variant=variant,
        quantization=quantization,
        dedicated=host if host in DEDICATED_PREFIXES else None,
    )


def _cut(text: str, mark: str) -> tuple[str, str | None]:
    left, found, right = text.rpartition(mark)
    return (left, right) if found and left and right else (text, None)


def _fine_tuned(name: str) -> tuple[str, str | None]:
    """``ft:MODEL:ORG::ID`` is the model it was made from; the rest is no variant of the gateway."""
    base = name.split(":")[1]
    return base or name, None


def _vendor_of_bedrock(name: str) -> tuple[str, str | None]:
    """``eu.anthropic.claude-sonnet-4-5-20250929-v1`` as Amazon spells it."""
    found = _BEDROCK.match(name)
    return (name, None) if found is None or found[1] not in _MAKERS else (name[found.end() :], found[1])


def _strip(name: str, pattern: re.Pattern[str]) -> tuple[str, str | None]:
    found = pattern.search(name)
    return (name[: found.start()], found[1]) if found and found.start() else (name, None)


def _spelling(name: str) -> str:
    """One spelling for names that hosts write differently."""
    name = _GLUED.sub("", name)
    if name.startswith("claude"):
        name = name.replace(".", "-")
        name = _CLAUDE_OLD_ORDER.sub(lambda m: f"claude-{m[3]}-{m[1]}" + (f"-{m[2]}" if m[2] else ""), name)
        return _CLAUDE_ZERO.sub(r"\1", name)
    if name.startswith("glm"):
        return _GLM_DASHED.sub(r"glm-\1.\2", name)
    return name.replace("_", "-") if name.startswith("deepseek") else name


def _maker(name: str, words: list[str]) -> str | None:
    best = ""
    for start in _NAMES:
        if len(start) > len(best) and name.startswith(start) and _ends_word(start, name[len(start) : len(start) + 1]):
            best = start
    if best:
        return _NAMES[best]
    return next((_MAKERS[word] for word in words if word in _MAKERS), None)


def _ends_word(start: str, after: str) -> bool:
    return not (after.isalnum() if start[-1].isdigit() else after.isalpha())
