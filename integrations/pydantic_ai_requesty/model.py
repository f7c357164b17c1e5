"""``RequestyModel``: any model behind the Requesty gateway as a Pydantic AI model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from openai import omit
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import DEFAULT_THINKING_TAGS, ModelProfile, ModelProfileSpec, merge_profile
from pydantic_ai.settings import ModelSettings

from requesty_core import AsyncChatStream, ChatReply, FallbackPolicy, Step
from requesty_core.adapters import check_model, mapping, steps_from
from requesty_core.catalog import bundled
from requesty_core.errors import ConfigurationError
from requesty_core.schemas import legal_name

from ._errors import known_arguments, pydantic_ai_errors
from ._mapping import MessageMapping
from ._profile import facts_of, smallest_window
from ._replies import response_from
from ._settings import call_options
from ._stream import RequestyStreamedResponse
from .provider import CALL, MAPPED, NamedStream, RequestyProvider

__all__ = ["RequestyModel"]

# The gateway's words for the unified `thinking` setting (documented under reasoning); others pass through.
# Keys of settings that go no further than from one method of the model to the next.
_GIVEN = "requesty_given"
_ONLY_MAPPED = "requesty_only_mapped"
# What is in a request without a setting of the caller's, or as this package's form of a setting.
_ADDED = frozenset(("tool_choice", "strict", "max_tokens", "thinking", "reasoning_effort"))
_OF_THE_CALL = frozenset(("fallbacks", "fallback_policy", "max_retries", "options"))
_EFFORT = {True: "medium", False: "none", "minimal": "min"}


@dataclass(init=False)
class RequestyModel(MessageMapping):
    """Chat with any model behind the Requesty gateway.

    Messages and tools are mapped as for every OpenAI-compatible model; requests, streams, retries and fallbacks are
    this package's own. ``usage.cost`` is what the gateway billed, so ``UsageLimits(cost_limit=…)`` holds, and attempts
    that failed before the answer are in ``failed_attempts`` with what they cost.

    Example:
        ```python
        from pydantic_ai import Agent
        from pydantic_ai_requesty import RequestyModel

        agent = Agent(RequestyModel("openai/gpt-4o-mini", fallbacks=["anthropic/claude-sonnet-4-5"]))
        result = agent.run_sync("Why is the sky blue?")
        result.output, result.usage.cost, result.response.provider_details["served_model"]
        ```

    Args:
        model_name: model id, sent untouched: ``openai/gpt-4o-mini``, ``policy/NAME``, ``…@eu``, …
        provider: a :class:`RequestyProvider`; ``"requesty"`` makes one from the environment.
        fallbacks: models to try when this one fails: ids, or steps with ``retries`` and timeouts. For chains that the
            gateway runs itself, give a ``policy/NAME`` as ``model_name`` instead.
        fallback_policy: rules of retry, cool-down, deadline and hedging.
        profile: laid over what the vendor's profile and the catalogue say.
        settings: defaults of every request, :class:`RequestyModelSettings` among them.

    Raises:
        UserError: an unusable setting; nothing was sent.
        ModelAPIError: a failed request, in the category that fits, with the ``kind``, ``request_id``, ``partial`` and
            ``attempts`` of :class:`requesty_core.RequestyError`.
    """

    _fallbacks: tuple[Step, ...] = field(default=(), repr=False)
    _fallback_policy: FallbackPolicy | None = field(default=None, repr=False)

    @known_arguments
    def __init__(
        self,
        model_name: str | Step,
        *,
        provider: RequestyProvider | Literal["requesty"] = "requesty",
        fallbacks: Iterable[str | Step | dict[str, Any]] = (),
        fallback_policy: FallbackPolicy | None = None,
        profile: ModelProfileSpec | None = None,
        settings: ModelSettings | None = None,
    ) -> None:
        with pydantic_ai_errors(str(model_name)):
            self._step = model_name if isinstance(model_name, Step) else Step(check_model(model_name))
            self._fallbacks = steps_from(fallbacks)
            _check_policy(fallback_policy)
        self._fallback_policy = fallback_policy
        self._candidates: dict[str, RequestyModel] = {}
        if isinstance(provider, str):
            if provider != "requesty":
                raise UserError(f"provider: {provider!r} is not known here; give a RequestyProvider or 'requesty'")
            provider = RequestyProvider()
        super().__init__(self._step.model, provider=cast("Any", provider), profile=profile, settings=settings)

    @property
    def requesty(self) -> RequestyProvider:
        """The provider, by its own type."""
        return cast("RequestyProvider", self._provider)

    def _instance_profile_defaults(self, profile: ModelProfile) -> ModelProfile:
        profile = super()._instance_profile_defaults(profile)
        catalog = self.requesty.clients.settings.catalog
        if catalog is not bundled():
            # The provider's own profile cannot know which gateway was asked for its catalogue.
            profile = merge_profile(profile, facts_of(self.model_name, catalog))
        return smallest_window(profile, [step.model for step in self._fallbacks], catalog)

    # --- request ---

    def prepare_request(
        self, model_settings: ModelSettings | None, model_request_parameters: ModelRequestParameters
    ) -> tuple[ModelSettings | None, ModelRequestParameters]:
        """As for every model; what was given is kept for the models of the chain, which prepare it for themselves."""
        settings, parameters = super().prepare_request(model_settings, model_request_parameters)
        if self._fallbacks or (settings or {}).get("requesty_fallbacks"):
            settings = cast("ModelSettings", {**(settings or {}), _GIVEN: (model_settings, model_request_parameters)})
        return settings, parameters

    def _candidate(self, step: Step) -> RequestyModel:
        """A model of the chain, as it is when it is alone."""
        if step.model not in self._candidates:
            self._candidates[step.model] = RequestyModel(
                step, provider=self.requesty, profile=self._profile, settings=self.settings
            )
        return self._candidates[step.model]

    async def _params_for(
        self, step: Step, messages: Any, stream: Any, given: tuple[Any, ModelRequestParameters]
    ) -> Mapping[str, Any] | None:
        """The fields of the request to a later model; ``None`` if they are those of the first."""
        candidate = self._candidate(step)
        if candidate.profile == self.profile:
            return None
        settings, parameters = candidate.prepare_request(*given)
        mapped: Any = {**(settings or {}), "requesty_fallbacks": (), _ONLY_MAPPED: True}
        return cast("Mapping[str, Any]", await candidate._completions_create(messages, stream, mapped, parameters))

    async def _completions_create(
        self,
        messages: Any,
        stream: Any,
        model_settings: Any,
        model_request_parameters: ModelRequestParameters,
    ) -> Any:
        model_settings = dict(model_settings)
        given, only_mapped = model_settings.pop(_GIVEN, None), model_settings.pop(_ONLY_MAPPED, False)
        with pydantic_ai_errors(self.model_name):
            call = call_options(model_settings, cache=getattr(model_request_parameters, "cache", None))
            if only_mapped:
                call = {name: value for name, value in call.items() if name not in _OF_THE_CALL} | {MAPPED: True}
                settings = {**model_settings, "extra_body": {**(model_settings.get("extra_body") or {}), CALL: call}}
                return await super()._completions_create(
                    messages, stream, cast("Any", settings), model_request_parameters
                )
            fallbacks = steps_from(call.pop("fallbacks", self._fallbacks))
        call["fallbacks"] = fallbacks
        if fallbacks and given is not None:
            call["fallback_params"] = [await self._params_for(step, messages, stream, given) for step in fallbacks]
        call.setdefault("fallback_policy", self._fallback_policy)
        call["added_fields"] = _added(model_settings)
        call["step"] = self._step
        settings = {**model_settings, "extra_body": {**(model_settings.get("extra_body") or {}), CALL: call}}
        return await super()._completions_create(messages, stream, cast("Any", settings), model_request_parameters)

    def _translate_thinking(self, model_settings: Any, model_request_parameters: ModelRequestParameters) -> Any:
        effort = model_settings.get("requesty_reasoning_effort") or model_settings.get("openai_reasoning_effort")
        if effort is None:
            thinking = model_request_parameters.thinking
            effort = _EFFORT.get(thinking, thinking)
        return omit if effort is None else effort

    def _get_tool_choice(self, model_settings: Any, model_request_parameters: ModelRequestParameters) -> Any:
        tools, choice = super()._get_tool_choice(model_settings, model_request_parameters)
        if any(isinstance(tool, WebSearchTool) for tool in model_request_parameters.native_tools):
            tools = [*tools, cast("Any", {"type": "web_search"})]
        return tools, choice

    def _map_json_schema(self, o: OutputObjectDefinition) -> Any:
        # A generic class is called `Page[Item]`, which is no name on the wire.
        return super()._map_json_schema(replace(o, name=legal_name(o.name)) if o.name else o)

    def _get_web_search_options(self, model_request_parameters: ModelRequestParameters) -> Any:
        # The gateway takes web search as a tool (documented under web search).
        return None

    # --- response ---

    @property
    def _thinking_tags(self) -> tuple[str, str]:
        return self.profile.get("thinking_tags", DEFAULT_THINKING_TAGS)

    def _process_response(self, response: Any, **options: Any) -> ModelResponse:
        reply = cast("ChatReply", response)
        with pydantic_ai_errors(self.model_name), mapping(reply):
            return response_from(reply, provider_url=self.base_url, thinking_tags=self._thinking_tags)

    async def _process_streamed_response(
        self, response: Any, model_request_parameters: ModelRequestParameters, model_settings: Any = None
    ) -> Any:
        events = cast("AsyncChatStream | NamedStream", response)
        # Until the first token nothing is committed: an error up to there is raised on opening.
        with pydantic_ai_errors(self.model_name):
            first = await anext(events)
        return RequestyStreamedResponse(
            model_request_parameters=model_request_parameters,
            _model_name=self.model_name,
            _events=events,
            _first=first,
            _provider_url=self.base_url,
            _thinking_tags=self._thinking_tags,
            _ignore_leading_whitespace=self.profile.get("ignore_streamed_leading_whitespace", False),
        )


def _added(settings: Mapping[str, Any]) -> frozenset[str]:
    """Fields that follow the model's rules: those that the caller did not set under their own name."""
    own = {
        "tool_choice": settings.get("tool_choice"),
        "reasoning_effort": settings.get("requesty_reasoning_effort") or settings.get("openai_reasoning_effort"),
    }
    return _ADDED - {name for name, value in own.items() if value is not None}


def _check_policy(policy: Any) -> None:
    if policy is not None and not isinstance(policy, FallbackPolicy):
        given = type(policy).__name__
        raise ConfigurationError(f"fallback_policy: a value of type {given} cannot be used; give a FallbackPolicy")
