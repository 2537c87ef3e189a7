"""What went wrong on the way to a service and back, by name. The names go into reports, so no text of an error does."""

from __future__ import annotations

import errno
import ssl

import aiohttp

from harness.drive.target import Failed, TimedOut, WorkflowError

_ERRNOS = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "connect_timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EMFILE: "too_many_open_files",
    errno.ENFILE: "too_many_open_files",
    errno.EADDRNOTAVAIL: "no_free_port",
}


def outcome_of(error: BaseException) -> WorkflowError:
    """The outcome that an error of the client stands for: timed out or failed, by a kind such as `connect_refused`."""
    kind = kind_of(error)
    return TimedOut(kind) if kind.endswith("_timeout") else Failed(kind)


def kind_of(error: BaseException) -> str:  # noqa: PLR0911 - one name for each kind of error
    """One word for an error of the client or the operating system."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "connect_timeout"
        case aiohttp.SocketTimeoutError() | aiohttp.ServerTimeoutError():
            return "read_timeout"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls_error"
        case aiohttp.ServerDisconnectedError():
            return "disconnected"
        case aiohttp.ClientPayloadError():
            return "body_cut"
        case aiohttp.ClientResponseError():
            return "bad_http"
        case OSError():
            return _ERRNOS.get(error.errno or 0, "reset" if isinstance(error, ConnectionError) else "os_error")
    return "client_error"


def told(error: BaseException) -> str:
    """What may be said of an error before the load starts: what the system or the certificate check says of it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "its certificate is not valid"
        return f"the certificate is refused: {reason}"
    if isinstance(error, aiohttp.ClientSSLError):
        reason = getattr(error.os_error, "reason", None) or "the handshake failed"
        return f"TLS failed: {str(reason).replace('_', ' ').lower()}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name of the host is not known"
    words = {
        "connect_refused": "the connection is refused: nothing listens there",
        "connect_timeout": "no connection within the connect timeout",
        "read_timeout": "connected, and no answer within the time for it",
        "disconnected": "it hangs up without an answer",
        "reset": "it resets the connection",
        "body_cut": "its answer breaks off",
        "bad_http": "what answers does not speak HTTP",
    }
    kind = kind_of(error)
    return words.get(kind, kind.replace("_", " "))
