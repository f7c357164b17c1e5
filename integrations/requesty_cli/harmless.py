"""Text from outside, fit for a terminal: what would move the cursor, set a title or reorder a line is shown instead.

Answers of models, messages of servers, ids and names of files are written by others. A terminal obeys escape
sequences in them (OSC 52 writes the clipboard), and bidirectional overrides show another text than the one there is.
Every character that could begin such a thing is replaced for itself, so that a sequence cut into pieces does no harm.
"""

from __future__ import annotations

import re

__all__ = ["harmless", "harmless_json", "one_line"]

# C0 but tab and line feed, DEL and C1; line and paragraph separators; bidirectional embeddings, overrides and isolates;
# interlinear marks; halves of surrogate pairs, which no terminal's encoding can hold.
_HARMFUL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
_PATTERN = re.compile(f"[{_HARMFUL}]")


def harmless(text: str) -> str:
    r"""The text with everything a terminal would obey made visible; tabs and line feeds stay, carriage returns go.

    >>> harmless("\x1b]52;c;aGk=\x07 \u202eevil"), harmless("a\r\nb"), harmless("\x9b2J")
    ('␛]52;c;aGk=␇ <U+202E>evil', 'a\nb', '<U+009B>2J')
    """
    return _PATTERN.sub(_visible, text)


def one_line(text: str) -> str:
    """The same in one line, white space between words made single."""
    return harmless(" ".join(text.split()))


def harmless_json(encoded: str) -> str:
    """JSON whose texts hold such characters as ``\\u`` escapes: harmless, and exactly what it was when it is read."""
    return _PATTERN.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)


def _visible(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\r":
        return ""
    code = ord(character)
    if code < 0x20:
        # The block of pictures for control characters has one for each.
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"
