"""A polite and distrustful HTTP client: paced, patient, bounded."""

import email.utils
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .. import __version__
from ..errors import InputError, NetworkError

USER_AGENT = f"tsexpand/{__version__}"
"""Poly Haven's terms (2.4) ask for one that is unique and named like the software."""

ATTEMPTS = 5
FIRST_WAIT = 1.0
"""Seconds before the second attempt; doubled each time."""

LONGEST_WAIT = 120.0
"""Seconds that a server's Retry-After is honoured; one that asks for more is left alone."""

TIMEOUT = 30.0
"""Seconds without a byte."""

SLOWEST = 10_000
"""Bytes a second that an answer must reach, on the whole, beyond `TIMEOUT`: a trickle must not last for ever."""

MOST_JSON = 32 * 1024**2
"""Bytes; all of Poly Haven's listing is about 2 MiB."""

_T = TypeVar("_T")
_CHUNK = 256 * 1024
_PASSING = {408, 429, 500, 502, 503, 504}
"""Status codes that another attempt may not meet."""


class Passing(Exception):  # noqa: N818  (nothing went wrong yet)
    """A failure that another attempt may not meet; `wait` is what the server asked for, seconds."""

    def __init__(self, cause: str, wait: float = 0.0) -> None:
        super().__init__(cause)
        self.wait = wait


class Client:
    """Asks one thing at a time, with a pause between requests.

    Args:
        pause: seconds from one request to the next.
        sleep: waits so many seconds.
    """

    def __init__(self, pause: float = 0.5, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._sleep = sleep
        self._opener = _opener()
        self._asked = float("-inf")

    def json(self, url: str) -> Any:
        """What a JSON document says.

        Raises:
            InputError: the server refuses, or answers something else.
            NetworkError: it can't be reached.
        """
        body = self.persist(url, lambda: self._body(url))
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:  # json.JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise InputError(f"{url}: the answer is not JSON; is this the right address?") from error

    def persist(self, url: str, attempt: Callable[[], _T]) -> _T:
        """What an attempt gives that gets through; waits longer before each.

        Raises:
            InputError: an attempt raised it.
            NetworkError: none got through, or the server asks to wait longer than `LONGEST_WAIT`.
        """
        failure = Passing("")
        for count in range(ATTEMPTS):
            if count:
                self._sleep(max(failure.wait, FIRST_WAIT * 2 ** (count - 1)))
            try:
                return attempt()
            except Passing as error:
                failure = error
            if failure.wait > LONGEST_WAIT:
                raise NetworkError(f"{url}: the server asks to wait {failure.wait:.0f} s; run again then")
        raise NetworkError(f"{url}: {failure} ({ATTEMPTS} attempts); check the network, run again to go on")

    def _body(self, url: str) -> bytes:
        with closing(self.ask(url, {})) as response:
            body = b"".join(chunks(response, MOST_JSON + 1))
            missing = response.length
        if len(body) > MOST_JSON:
            raise InputError(f"{url}: the answer is larger than {MOST_JSON} bytes; is this the right address?")
        if missing:
            raise Passing("the connection broke")
        return body

    def ask(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Opens a URL, in time with the others; for an attempt of `persist`.

        Raises:
            InputError: the address is not valid, or the server refuses.
            Passing: it did not get through.
        """
        check_url(url)
        wait = self._asked + self._pause - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        self._asked = time.monotonic()
        request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **headers})
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _PASSING:
                raise Passing(f"the server answers {error.code}", _retry_after(error)) from error
            raise InputError(f"{url}: the server answers {error.code}") from error
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            raise Passing(f"no connection ({_reason(error)})") from error
        except ValueError as error:  # of urllib, for where the server redirects to
            raise InputError(f"{url}: leads to no valid address ({_reason(error)})") from error
        return response


def check_url(url: str) -> None:
    """Raises `InputError` where a URL is not http or https, or names no host."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        raise InputError(f"{url!a}: not an address that starts with http:// or https://")


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https and nothing else, wherever it is redirected to: not file:, ftp: or data:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def chunks(response: http.client.HTTPResponse, most: int) -> Iterator[bytes]:
    """What a server sends, up to so many bytes; ends where the connection does, whole or not.

    Raises:
        Passing: the connection broke, or is too slow to be worth waiting for.
    """
    deadline = time.monotonic() + TIMEOUT + most / SLOWEST
    while most > 0:
        try:
            chunk = response.read1(min(most, _CHUNK))
        except (OSError, http.client.HTTPException) as error:
            raise Passing(f"the connection broke ({_reason(error)})") from error
        if not chunk:
            return
        most -= len(chunk)
        yield chunk
        if time.monotonic() > deadline:
            raise Passing(f"less than {SLOWEST // 1000} kB/s")


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number, or a date); 0 where it does not say."""
    value = error.headers.get("Retry-After", "").strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _reason(error: Exception) -> str:
    """A library's words for what went wrong, on one line."""
    return " ".join(str(getattr(error, "reason", "") or error or type(error).__name__).split())
