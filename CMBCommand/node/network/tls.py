"""Encrypted associations (DICOM PS3.15, B.12): one certificate for those that come in and those that go out."""

from __future__ import annotations

import ssl
from typing import Any

from CMBSegmentationLib.errors import InputError

from ..settings import Tls


class _HandshakeLater(ssl.SSLContext):
    """Wraps a connection at once; its handshake is done by the thread that reads it, not by the one that lets in."""

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *args, **{**options, "do_handshake_on_connect": False})


def server_context(tls: Tls) -> ssl.SSLContext:
    """Make the context for connections that come in; `InputError` where a file is wrong."""
    context = _HandshakeLater(ssl.PROTOCOL_TLS_SERVER)
    if tls.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return _with_files(context, tls)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Make the context for connections that go out; `InputError` where a file is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.authorities is None:
        context.load_default_certs()
    return _with_files(context, tls)


def _with_files(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        if tls.authorities is not None:
            context.load_verify_locations(tls.authorities)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"The files for TLS cannot be used ({error}).",
            "Give PEM files: the certificate, its key without a password, and the authorities' certificates.",
        ) from error
    return context
