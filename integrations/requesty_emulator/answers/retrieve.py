"""Plain-text answers: the sentence of the given text that answers the question, or a sensible reply."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import Counter
from collections.abc import Callable

from requesty_emulator.answers.model_request import Turn
from requesty_emulator.answers.words import quoted, sentences, stem, terms

#: Patterns look at this many characters at most, so that a huge prompt cannot stall the server.
_LOOK = 2_000
#: Characters of a conversation that are read for an answer, the newest first.
_READ = 400_000
_LABEL = re.compile(
    r"^[^\w\n]*(?:the original query is as follows|query|question|user|human|follow[- ]?up(?: question| input)?)"
    r"\s*:\s*(.+)$",
    re.I | re.M,
)
_INSTRUCTION = re.compile(
    r"^(?:you are|you're|answer |given |use |context information|please|if you|respond|reply|return|do not|don't|"
    r"below |based on|-{3,}|={3,}|query:|question:|answer:|context:|documents?:|instructions?:|never |"
    r"always |be concise|be brief)",
    re.I,
)
_GREETING = re.compile(
    r"^\W*(?:hello|hi|hey|good (?:morning|evening|day|afternoon)|how are you)\b.{0,25}$", re.I | re.S
)
_SAY = re.compile(
    r"\b(?:say|reply with|respond with|repeat|echo|answer with|output|write)\b[^\"'“「\n]{0,40}?[:\s]", re.I
)
_SAY_REST = re.compile(
    r"^\W*(?:please\s+)?(?:say|repeat|echo|reply with|respond with|answer with)\s*(?:exactly|only|just)?\s*:?\s+"
    r"(.+?)[.!]?\s*$",
    re.I | re.S,
)
_STANDALONE = re.compile(r"<?follow[- ]?up (?:message|input|question)>?\s*:?\s*\n?\s*(\S.*)", re.I)
_TASK = re.compile(
    r"^\W*(?:please\s+)?(?:summari[sz]e|translate|rewrite|rephrase|paraphrase|extract|explain|correct|shorten)\b"
    r"[^:\n]{0,80}:\s*(\S.*)",
    re.I | re.S,
)
_WORDS = re.compile(r"\b(\d{1,5})[\s-]+(word|sentence|paragraph|line)s?\b", re.I)
_COUNT = re.compile(r"\bcount(?:ing)?\b[^\d]{0,30}?(?:(\d+)\s*(?:to|-|through)\s*)?(\d{1,4})\b", re.I)
_MATH = re.compile(r"(?<![\w.])\(*-?\d[\d\s.()]*(?:[-+*/^×÷]\s*\(*-?\d[\d\s.()]*)+")
_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_TEXT = (
    "The gateway routes every request to the provider that fits it best. Each answer carries its usage and its cost. "
    "A fallback policy tries the next model when one provider is down. Streams arrive in small pieces. "
    "Tokens are counted once, and cached tokens are cheaper than new ones."
)
_FILLER = _TEXT.split()


def answer(turns: list[Turn]) -> str:
    """Text for the last turn: tool results if those came last, else the best sentence, else a reply."""
    last = turns[-1]
    if last.role == "tool":
        return from_tools(turns)
    question_turn = next((turn for turn in reversed(turns) if turn.role == "user"), last)
    question = find_question(question_turn.text[-_READ:])[-_LOOK:]
    if question_turn.attachments and not question.strip():
        question = "Describe the attachment"
    quick = direct(question_turn.text[-_LOOK:], question)
    if quick is not None:
        return quick
    found = best_sentence(question, turns, question_turn)
    if found is not None:
        return found
    return fallback(question, question_turn)


def from_tools(turns: list[Turn]) -> str:
    """Text that passes on what the tools returned since the last user turn."""
    results: list[Turn] = []
    for turn in reversed(turns):
        if turn.role == "user":
            break
        if turn.role == "tool":
            results.append(turn)
    parts = []
    for turn in reversed(results):
        text = turn.text.strip() or ("an attachment" if turn.attachments else "nothing")
        name = turn.tool.replace("_", " ").strip() or "the tool"
        parts.append(f"According to {name}: {text}")
    return "\n".join(parts)


def find_question(text: str) -> str:
    """The question inside a prompt: a labelled one, else the last question, else the last sentence."""
    labelled = _LABEL.findall(text)
    if labelled:
        return str(labelled[-1]).strip()
    lines = sentences(text)
    asking = [line for line in lines if line.rstrip("\"' )").endswith(("?", "？"))]
    if asking:
        return asking[-1]
    plain = [line for line in lines if not re.fullmatch(r"\W*|answer:?\s*", line, re.I)]
    return plain[-1] if plain else text.strip()


def direct(prompt: str, question: str) -> str | None:
    """Replies that need no context: greetings, echoes, counting, arithmetic, text of a given length."""
    if "standalone question" in prompt.lower() and (found := _STANDALONE.findall(prompt)):
        # A chat engine asks for its follow-up question in other words; the question itself is the best of them.
        return str(found[-1]).strip()
    if re.match(r"^\W*who are you\W*$", question, re.I):
        return "I am the emulated model of a local Requesty gateway."
    if _GREETING.match(question):
        return "Hello! I am doing well, thank you. How can I help you today?"
    if (start := _SAY.search(prompt)) and (texts := quoted(prompt[start.start() :])):
        return texts[0]
    if (rest := _SAY_REST.match(prompt)) and len(rest.group(1)) < 200:
        return rest.group(1)
    if task := _TASK.match(prompt):
        return " ".join(sentences(task.group(1))[:2])
    if match := _COUNT.search(prompt):
        low, high = int(match.group(1) or 1), int(match.group(2))
        if low <= high:
            return ", ".join(str(number) for number in range(low, high + 1))
    if match := _WORDS.search(prompt):
        return filler(int(match.group(1)), match.group(2).lower())
    if match := _MATH.search(question):
        value = arithmetic(match.group())
        if value is not None:
            return f"{match.group().strip()} = {value}"
    return None


def filler(count: int, unit: str) -> str:
    """Text of ``count`` words, sentences, lines or paragraphs."""
    if unit == "word":
        return " ".join(_FILLER[index % len(_FILLER)] for index in range(min(count, 20_000)))
    lines = sentences(_TEXT)
    joint = {"sentence": " ", "line": "\n"}.get(unit, "\n\n")
    return joint.join(lines[index % len(lines)] for index in range(min(count, 2_000)))


def arithmetic(expression: str) -> str | None:
    """Value of an expression of numbers, brackets and the four operators; ``None`` if it is none."""
    source = expression.replace("×", "*").replace("÷", "/").strip().rstrip(".")
    # Dates and telephone numbers are not sums.
    if "^" in source or len(source) > 200 or re.fullmatch(r"[\d.()]+(?:-[\d.()]+)+", source):
        return None
    try:
        value = _evaluate(ast.parse(source, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        return None
    if not math.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else f"{value:.6g}"


def _evaluate(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    raise ValueError("not arithmetic")


def best_sentence(question: str, turns: list[Turn], question_turn: Turn) -> str | None:
    """The sentence of all given text that shares most with the question, rare words counting more."""
    wanted = set(terms(question))
    if not wanted:
        return None
    candidates: list[str] = []
    left = _READ
    for turn in reversed(turns):
        if turn.role == "assistant" or left <= 0:
            continue
        text = turn.text[-left:]
        left -= len(text)
        for line in sentences(text):
            same = turn is question_turn and (line in question or question in line)
            if not same and not _INSTRUCTION.match(line) and not line.endswith("?"):
                candidates.append(line)
    if not candidates:
        return None
    bags = [set(terms(line)) for line in candidates]
    counts = Counter(word for bag in bags for word in bag & wanted)
    if not counts:
        return None

    def score(bag: set[str]) -> float:
        return sum(1 + math.log(len(bags) / counts[word]) for word in bag & wanted) - 0.001 * len(bag)

    best = max(range(len(bags)), key=lambda index: score(bags[index]))
    # One shared common word is coincidence; a rare one, or half of a short question, is an answer.
    shared = bags[best] & wanted
    if len(shared) * 3 < len(wanted) and len(shared) < 2:
        return None
    return candidates[best].lstrip("-*• ").removeprefix("We have provided an existing answer: ")


def fallback(question: str, turn: Turn) -> str:
    """A reply when nothing given answers the question."""
    meant = set(terms(question))
    topic = [word for word in re.findall(r"[^\W_]+", question) if stem(word.lower()) in meant][:6]
    if turn.attachments:
        kinds = ", ".join(sorted({kind.replace("_", " ") for kind in turn.attachments}))
        return f"You sent {kinds}. This local gateway does not look inside attachments."
    if "joke" in question.lower():
        about = next((word for word in topic if word.lower() not in ("joke", "jokes", "setup", "punchline")), "cats")
        return f"Why did the {about.lower().rstrip('s')} cross the road? To reach the other side of the gateway."
    if topic:
        return f"Nothing in the given text is about {' '.join(topic)}, so this is only an emulated answer."
    return "This is an emulated answer."
